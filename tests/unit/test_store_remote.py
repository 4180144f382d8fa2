"""What the object stores decide without a server: addresses, signatures, pages, progress."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime
from pathlib import Path

import pytest

from scalable_cli.errors import StorageError
from scalable_cli.store.address import Address, parse_address
from scalable_cli.store.backoff import Backoff
from scalable_cli.store.credentials_aws import AwsCredentials, AwsKeys
from scalable_cli.store.faults import Refusal, TransientError, refused
from scalable_cli.store.options import MIB, ObjectOptions, gcs_endpoint, s3_endpoint
from scalable_cli.store.parts import Workers, parts_of
from scalable_cli.store.progress import open_progress
from scalable_cli.store.remote import open_remote
from scalable_cli.store.s3 import S3Store
from scalable_cli.store.s3_requests import parse_page, place_of
from scalable_cli.store.sigv4 import encoded_path, encoded_query, signed


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("s3://lab", Address("s3", "lab", "")),
        ("s3://lab/", Address("s3", "lab", "")),
        ("gs://lab_1.example.org/a/b/", Address("gs", "lab_1.example.org", "a/b/")),
    ],
)
def test_an_address_is_a_bucket_and_a_prefix(text: str, address: Address) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize("text", ["s3://", "s3:/lab", "az://lab", "s3://LAB/x", "s3://lab/../x"])
def test_what_is_no_address_is_said(text: str) -> None:
    with pytest.raises(StorageError) as caught:
        parse_address(text)

    assert caught.value.hint


def test_names_have_at_most_1024_bytes() -> None:
    address = Address("s3", "lab", "p/")

    assert len(address.name("é" * 511).encode()) == 1024
    with pytest.raises(StorageError, match="too long"):
        address.name("é" * 511 + "x")


def test_buckets_are_reached_where_amazon_has_them() -> None:
    assert place_of("lab", "eu-west-1", None).url == "https://lab.s3.eu-west-1.amazonaws.com"
    assert place_of("a.b", "eu-west-1", None).url == "https://s3.eu-west-1.amazonaws.com/a.b"
    assert place_of("lab", "cn-north-1", None).url.endswith("amazonaws.com.cn")
    assert place_of("lab", "x", "http://h:9000").url == "http://h:9000/lab"


def test_the_environment_names_the_endpoint() -> None:
    both = {"AWS_ENDPOINT_URL": "http://all", "AWS_ENDPOINT_URL_S3": "http://s3/"}

    assert s3_endpoint(ObjectOptions(), both) == "http://s3"
    assert s3_endpoint(ObjectOptions(endpoint="http://own"), {}) == "http://own"
    assert s3_endpoint(ObjectOptions(), {}) is None
    assert gcs_endpoint(ObjectOptions(), {"STORAGE_EMULATOR_HOST": "h:1"}) == "http://h:1"


def test_a_signature_is_the_one_that_botocore_makes() -> None:
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    now = datetime.now(UTC)
    query = encoded_query({"prefix": "a b/ü+", "list-type": "2"})
    url = f"http://host:9000/lab/{encoded_path('a b/ü~+')}?{query}"
    headers = {"x-amz-meta-a": "two  words", "range": "bytes=0-1"}
    ours = signed("GET", url, headers, AwsKeys("AK", "secret", "token"), "eu-west-1", now)
    names = {"x-amz-content-sha256": "UNSIGNED-PAYLOAD", "host": "host:9000"}
    theirs = AWSRequest("GET", url, headers={**headers, **names})
    theirs.context["timestamp"] = now.strftime("%Y%m%dT%H%M%SZ")
    signer = SigV4Auth(Credentials("AK", "secret", "token"), "s3", "eu-west-1")
    theirs.headers["X-Amz-Date"] = theirs.context["timestamp"]
    theirs.headers["X-Amz-Security-Token"] = "token"
    text = signer.string_to_sign(theirs, canonical(signer, theirs))

    assert ours["authorization"].endswith(signer.signature(text, theirs))


def canonical(signer: object, request: object) -> str:
    """S3 encodes paths once, which botocore's general signer does not know."""
    text: str = signer.canonical_request(request)
    return text.replace("%25", "%")


def test_a_page_is_read_as_amazon_and_others_write_it() -> None:
    text = """<?xml version="1.0"?><ListBucketResult><Prefix>p/</Prefix>
    <EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>
    <NextContinuationToken>a&amp;b</NextContinuationToken>
    <Contents><Key>p/a+b%2Bc%C3%BC</Key><LastModified>2026-01-02T03:04:05.000Z</LastModified>
    <ETag>&quot;abc&quot;</ETag><Size>12</Size></Contents>
    <CommonPrefixes><Prefix>p/x%20y/</Prefix></CommonPrefixes></ListBucketResult>"""

    page = parse_page(text, "s3://lab/p/")

    (entry,) = page.entries
    assert (entry.key, entry.size, entry.version) == ("p/a b+cü", 12, '"abc"')
    assert entry.modified == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC).timestamp()
    assert page.prefixes == ["p/x y/"]
    assert page.token == "a&b"


def test_an_answer_that_is_no_listing_is_said() -> None:
    with pytest.raises(StorageError, match="does not answer like S3"):
        parse_page("<html>welcome</html>", "s3://lab/")


def test_parts_cover_a_file_and_never_exceed_ten_thousand() -> None:
    options = ObjectOptions()

    assert [(p.start, p.size) for p in parts_of(10, 4)] == [(0, 4), (4, 4), (8, 2)]
    assert options.part_size(5 << 30) == 8 * MIB
    assert len(parts_of(5 << 40, options.part_size(5 << 40))) <= 10_000


def test_a_failed_part_stops_the_others() -> None:
    done: list[int] = []

    def work(number: int) -> None:
        if number == 2:
            raise StorageError("broken")
        done.append(number)

    with pytest.raises(StorageError, match="broken"):
        Workers(1).each(range(100), work)

    assert done == [0, 1]


def test_only_what_may_get_better_is_tried_again() -> None:
    tries = []

    def work(error: StorageError) -> None:
        tries.append(error)
        raise error

    for error, count in ((TransientError("a"), 3), (StorageError("b"), 1)):
        tries.clear()
        with pytest.raises(StorageError):
            Backoff(tries=3, first_s=0).call(lambda error=error: work(error))
        assert len(tries) == count


def test_google_and_amazon_errors_are_read() -> None:
    google = '{"error": {"code": 404, "message": "The specified bucket does not exist.", "errors": [{"reason": "notFound"}]}}'  # noqa: E501

    error = refused(Refusal.parse(404, google), "read", "gs://lab/a", google)

    assert error.text == 'cannot read "gs://lab/a": there is no bucket "gs://lab"'
    assert error.hint
    assert isinstance(refused(Refusal(429, "", ""), "read", "gs://lab/a"), TransientError)


def test_progress_survives_a_line_that_was_cut_short(tmp_path: Path) -> None:
    with open_progress(tmp_path / "state", "a") as progress:
        progress.begin({"upload": "u"})
        progress.add(1)
        progress.add(2)
    (file,) = (tmp_path / "state").iterdir()
    file.write_text(file.read_text()[:-1])

    with open_progress(tmp_path / "state", "a") as again:
        assert (again.facts, again.done) == ({"upload": "u"}, {1})
        with open_progress(tmp_path / "state", "a") as other:
            assert not other.lasting
        again.finished = True

    assert list((tmp_path / "state").iterdir()) == []


def test_a_store_travels_without_credentials_and_opens_nothing() -> None:
    environ = {
        "AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "hidden", "AWS_ENDPOINT_URL": "http://h",
    }  # fmt: skip
    store, _ = open_remote("s3://lab/p", environ, ObjectOptions(requester_pays="me"))

    packed = pickle.dumps(store)

    assert b"hidden" not in packed
    assert b"AKIA" not in packed
    assert b"http://h" in packed
    assert pickle.loads(packed).uri == "s3://lab/p"


def test_keys_are_never_shown() -> None:
    credentials = AwsCredentials({"AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "hidden"})

    assert "hidden" not in repr(credentials.keys())
    assert "hidden" not in repr(S3Store(Address("s3", "lab", ""), None, {}))
