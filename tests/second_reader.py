#!/usr/bin/env python3
"""A second reader of what sealift writes, from src/bundle/FORMAT.md, SITE.md and CARRIER.md: the proof that they say enough.

    second_reader.py BUNDLE ROOT [NOW [APPROVALS]]   prints `ok` or `refused: REASON`; with APPROVALS, it demands what
                                            the policy of the root does, and prints `ok, out of order` for a permit
    second_reader.py --receipt FILE KEY      the same for a receipt; KEY is the base64 of the 32 bytes of the key of the site
    second_reader.py --journal FILE          the same for the journal of a site
    second_reader.py --carrier SEAL FILE ROOT [NOW]   the same for an encrypted bundle, without decrypting it
    second_reader.py --vectors FOLDER       the same for every vector, one a line, its name in front
    second_reader.py --rules FOLDER         the same, and behind an empty line which vectors need each rule: one line
                                            for each call of `must`, as `LINE covered|bare NAMES` and its source

It needs Python 3.9 or later and the commands `openssl` (3.x) and `zstd`. It is a test, not a tool: it holds everything
in memory.

Each call of `must` is one rule. `--rules` switches each of them off and reads again the vectors that it refused: a rule
is covered if one of them is not refused any more. A rule that another one always repeats says so behind `not alone:`.
"""
import base64, functools, hashlib, ipaddress, json, os, re, subprocess, sys, tempfile, unicodedata
from datetime import datetime, timedelta, timezone

KIB, MIB, EXACT = 1 << 10, 1 << 20, (1 << 53) - 1
OCI, DOCKER = "application/vnd.oci.image.", "application/vnd.docker.distribution.manifest."
INDEX, MANIFEST = OCI + "index.v1+json", OCI + "manifest.v1+json"
INDEXES, MANIFESTS = (INDEX, DOCKER + "list.v2+json"), (MANIFEST, DOCKER + "v2+json")
IMAGE_CONFIGS = (OCI + "config.v1+json", "application/vnd.docker.container.image.v1+json")
INVENTORY, LAYER = "application/vnd.sealift.inventory.v1+zstd", OCI + "layer.v1.tar+zstd"
ITEM, WITHHELD, OF, TAG = "dev.sealift.item.", "dev.sealift.item.withheld", "dev.sealift.referrer.of", "dev.sealift.referrer.tag"
REFERENCE, LICENSES = "org.opencontainers.image.ref.name", "org.opencontainers.image.licenses"
CONTAINERD, VERSION = "io.containerd.image.name", "org.opencontainers.image.version"
AUDIENCE, FILE_KIND, PRIORITY, TEMPLATE = ITEM + "audience", ITEM + "file-kind", ITEM + "priority", ITEM + "template"
FIXED = ["seal/SHA256SUMS", "seal/VERIFY.txt", "seal/RESERVE", "oci-layout", "index.json", "manifest.json"]
LAYOUT = b'{"imageLayoutVersion":"1.0.0"}'

class Refused(Exception):
    def __init__(self, reason, rule=None):
        super().__init__(reason)
        self.rule = rule

SWITCHED_OFF = None

def must(true, reason):
    if not true:
        rule = sys._getframe(1).f_lineno
        if rule != SWITCHED_OFF:
            raise Refused(reason, rule)

def sha256(data):
    return hashlib.sha256(data).hexdigest()

# Documents: section 1.

def encode(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()

def canonical(data, ceiling, what, check):
    must(len(data) <= ceiling, f"{what} is larger than its ceiling")  # not alone: everything that is read here has been bounded before
    try:
        value = json.loads(data.decode(), parse_float=lambda _: None, parse_constant=lambda _: None)
        same = encode(value) == data
    except (ValueError, RecursionError):
        raise Refused(f"{what} is not JSON") from None
    must(same, f"{what} is not canonical")
    check(value, what)
    return value

def record(**fields):
    """An object with these keys in this order; a key whose name ends with `_opt` may be absent."""
    names = {name.removesuffix("_opt"): check for name, check in fields.items()}
    names = {{"kind_": "_type", "type_": "type"}.get(name, name): check for name, check in names.items()}
    optional = {name.removesuffix("_opt") for name in fields if name.endswith("_opt")}

    def check(value, what):
        must(isinstance(value, dict), f"{what} is not an object")  # not alone: what is no object has none of the keys either
        must(list(value) == [name for name in names if name in value], f"{what} has other keys or another order")
        for name in names:
            must(name in value or name in optional, f"{what} lacks {name}")
            if name in value:
                names[name](value[name], f"{what}.{name}")
    return check

def list_of(check):
    def each(value, what):
        must(isinstance(value, list), f"{what} is not an array")
        for one in value:
            check(one, what)
    return each

def some(check):
    """An array that is left out where it is empty."""
    def each(value, what):
        list_of(check)(value, what)
        must(value, f"{what} is empty")
    return each

def names(value, what):
    some(name)(value, what)
    must(ascending(value), f"{what} is not in order, each once")

def text(pattern=None):
    def check(value, what):
        must(isinstance(value, str) and (pattern is None or re.fullmatch(pattern, value)), f"{what} is {value!r}")
    return check

def one_of(*values):
    return lambda value, what: must(isinstance(value, str) and value in values, f"{what} is {value!r}")

def number(value, what, least=0, most=(1 << 64) - 1):
    must(type(value) is int and least <= value <= most, f"{what} is {value!r}")

def count(value, what):
    number(value, what, 1, EXACT)

def exact(value, what):
    number(value, what, 0, EXACT)

def is_device(part):
    return re.fullmatch("con|prn|aux|nul|conin\\$|conout\\$|(com|lpt)[0-9¹²³]", part.split(".")[0].rstrip(" ").lower())

def name(value, what):
    text("[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?")(value, what)
    must(not is_device(value), f"{what} is a device")

def moment(value, what):
    text(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")(value, what)
    try:
        time_of(value)
    except ValueError:
        raise Refused(f"{what} is no time") from None
    must("1970" <= value[:4] <= "9998", f"{what} is {value!r}")

def time_of(value):
    return datetime.strptime(value, "%Y-%m-%dT%H:%M:%SZ")

def is_port(value):
    return re.fullmatch("[1-9][0-9]{0,4}", value) and int(value) <= 65535

def image_name(value, what):
    host = r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
    part, tag = r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?", r":[A-Za-z0-9_][A-Za-z0-9._-]{0,127}"
    address = re.match(r"\[([0-9a-f:]+)\](:[0-9]+)?/", value) if isinstance(value, str) else None
    if address:
        must(is_ip(address[1], ipaddress.IPv6Address), f"{what} is {value!r}")
        parsed = ipaddress.IPv6Address(address[1])
        must(parsed.compressed == address[1] and not parsed.ipv4_mapped, f"{what} is {value!r}")
    registry = rf"((localhost|\[[0-9a-f:]+\]|{host}(\.{host})+)(:[0-9]+)?/|{host}:[0-9]+/)?"
    text(rf"{registry}{part}(/{part})*({tag})?(@sha256:[0-9a-f]{{64}})?")(value, what)
    plain = value.split("@")[0]
    must(len(plain) <= 255, f"{what} is longer than 255 bytes")
    must(not re.search(r"\.\.|___", plain.rpartition(":")[0] or plain), f"{what} is {value!r}")
    port = re.match(r"(?:\[[^]]*\]|[^/:]+):([0-9]+)/", plain)
    must(not port or is_port(port[1]), f"{what} has a port {port and port[1]!r}")

def is_ip(value, kind=ipaddress.ip_address):
    try:
        return "%" not in value and bool(kind(value))
    except ValueError:
        return False

def is_host(value):
    label = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
    return is_ip(value) or len(value) <= 253 and re.fullmatch(rf"{label}(\.{label})*", value)

def is_authority(value):
    found = re.fullmatch(r"\[(.*)\](:.*)?" if value.startswith("[") else r"([^:]*)(:.*)?", value)
    if not found or found[2] and not is_port(found[2][1:]):
        return False
    return is_ip(found[1], ipaddress.IPv6Address) if value.startswith("[") else is_host(found[1])

def is_hidden(character):
    return unicodedata.category(character) == "Cc" or any(low <= ord(character) <= high for low, high in HIDDEN)

def reason(value, what):
    text()(value, what)
    must(len(value) <= 500 and any(one.isalnum() for one in value), f"{what} is {value!r}")
    must(not any(is_hidden(one) for one in value), f"{what} is {value!r}")

def fits(value, form, choices=()):
    """Whether a value has the format of a parameter: section 4.2."""
    if not 1 <= len(value) <= 255:
        return False
    if form == "host":
        return is_host(value)
    if form == "registry":
        host, *path = value.split("/")
        return is_authority(host) and all(re.fullmatch("[a-z0-9]([a-z0-9._-]*[a-z0-9])?", part) for part in path)
    if form == "url":
        found = re.fullmatch(r"https?://([^/]*)(/[A-Za-z0-9._~/?=%+:-]*)?", value)
        return found and is_authority(found[1])
    if form == "path":
        return re.fullmatch(r"/[A-Za-z0-9._/+@-]*", value) and not {".", ".."} & set(value[1:].split("/"))
    if form == "email":
        user, at, host = value.partition("@")
        return at and re.fullmatch("[A-Za-z0-9._+-]+", user) and is_host(host)
    if form == "text":
        def is_letter(one):
            return not is_hidden(one) and (one.isalnum() or unicodedata.category(one)[0] in "LNM")
        return is_letter(value[0]) and value[-1] != " " and all(is_letter(one) or one in " .,-_+@/" for one in value)
    if form == "choice":
        return value in choices
    return re.fullmatch({"number": "[0-9]{1,15}", "word": "[A-Za-z0-9._][A-Za-z0-9._-]*"}[form], value)

def description(value, what):
    text()(value, what)
    must(1 <= len(value.encode()) <= 500 and not any(map(is_hidden, value)), f"{what} is {value!r}")

hex64, digest = text("[0-9a-f]{64}"), text("sha256:[0-9a-f]{64}")
base64_text = text("([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
def annotations(value, what):
    must(isinstance(value, dict), f"{what} is not an object")
    must(list(value) == sorted(value), f"{what} are not in order")
envelope_form = record(payloadType=text(), payload=base64_text, signatures=list_of(record(keyid=hex64, sig=base64_text)))
root_form = record(
    kind_=one_of("https://sealift.dev/root/v1"), version=count, epoch=count, created=moment, expires_opt=moment,
    keys=list_of(record(id=hex64, type_=one_of("ed25519"), public=base64_text, name=name)),
    roles=list_of(record(role=one_of("root", "packer", "approver"), threshold=count, keys=list_of(hex64), scenarios_opt=list_of(name))),
    revoked=record(keys=list_of(hex64), statements=list_of(digest)),
    policy=record(expiry=one_of("refuse", "warn"), approvals_opt=record(
        max_age_days_opt=lambda value, what: number(value, what, 1, (1 << 32) - 1), conditions_opt=list_of(name))))
approval_form = record(
    kind_=one_of("https://sealift.dev/approval/v1"), statement=digest, scenario=name, approved=moment,
    conditions=list_of(name), out_of_order_opt=reason)
FORMATS = "host registry url number path email word text choice".split()
selection_form = record(
    variant_opt=name, features_opt=names, without_opt=names, audience_opt=name, withheld_opt=some(digest))
needs_form = record(
    parameters_opt=some(record(
        name=name, description=description, format=one_of(*FORMATS), choices_opt=some(text()), default_opt=text())),
    secrets_opt=some(record(name=name, description=description)))
member_form = record(name=text(), size=number, sha256=hex64)
statement_form = record(
    kind_=one_of("https://in-toto.io/Statement/v1"),
    subject=list_of(record(name=text(), digest=record(sha256=hex64))),
    predicateType=one_of("https://sealift.dev/bundle/v1"),
    predicate=record(
        name=name, version=name, scenario=name, epoch=count, sequence=count, previous_opt=digest, created=moment,
        expires_opt=moment, selection_opt=selection_form, needs_opt=needs_form, root_version=count, lock=digest, members=list_of(member_form),
        totals=record(items=number, blobs=number, bytes=exact),
        tool=record(name=text(), version=text())))
descriptor_form = record(mediaType=text(), digest=digest, size=number, artifactType_opt=text(), annotations_opt=annotations)
index_form = record(schemaVersion=number, mediaType=one_of(INDEX), manifests=list_of(descriptor_form))
entry_forms = {
    "dir": record(path=text(), type_=one_of("dir")),
    "file": record(path=text(), type_=one_of("file"), mode=one_of("0644", "0755"), size=number, sha256=hex64),
    "link": record(path=text(), type_=one_of("link"), target=text())}
frame_form = record(offset=number, stored=number, size=number, sha256=hex64)

def entry_form(value, what):
    must(isinstance(value, dict) and value.get("type") in ("dir", "file", "link"), f"{what} is of no known type")
    entry_forms[value["type"]](value, what)

def ascending(values):
    return all(one < other for one, other in zip(values, values[1:]))

# The file: section 2.

def tar_header(entry, size, mode=0o644, kind=b"0", target=b""):
    field = b"%011o\0" % size if size < 1 << 33 else b"\x80" + size.to_bytes(11, "big")
    head = entry.ljust(100, b"\0") + b"%07o\0" % mode + b"0000000\0" * 2 + field + b"00000000000\0" + b" " * 8
    head += kind + target.ljust(100, b"\0") + b"ustar\0" + b"00" + bytes(64) + b"\0" * 16 + bytes(167)
    return head[:148] + b"%07o\0" % sum(head) + head[156:]

class Tape:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, size):
        must(self.at + size <= len(self.data), "the bundle ends early")  # not alone: what is cut off has another digest
        self.at += size
        return self.data[self.at - size:self.at]

    def member(self, member, size, digest_hex=None):
        must(self.take(512) == tar_header(member.encode(), size), f"the header of {member} is another one")
        data = self.take(size)
        must(digest_hex is None or sha256(data) == digest_hex, f"{member} has another digest")
        must(not any(self.take(-size % 512)), f"the padding of {member} is not zero")
        return data

    def unbelieved(self, member, ceiling):
        must(self.at + 512 <= len(self.data), "the bundle ends early")  # not alone: what is cut off is no header
        field = self.data[self.at + 124:self.at + 135]
        must(re.fullmatch(b"[0-7]{11}", field), f"the header of {member} is another one")  # not alone: the header is rendered and compared
        must(int(field, 8) <= ceiling, f"{member} is larger than its ceiling")
        return self.member(member, int(field, 8))

# Trust and the statement: sections 3 and 4.

SPKI = bytes.fromhex("302a300506032b6570032100")

# Points of the curve edwards25519, in affine coordinates (RFC 8032, 5.1).
PRIME, ORDER = (1 << 255) - 19, (1 << 252) + 27742317777372353535851937790883648493
CURVE = -121665 * pow(121666, PRIME - 2, PRIME) % PRIME

def point_of(data):
    """The point, and whether this is its one spelling; nothing where it is not on the curve."""
    number = int.from_bytes(data, "little")
    sign, y = number >> 255, number & (1 << 255) - 1
    root = (y * y - 1) * pow(CURVE * y * y + 1, PRIME - 2, PRIME) % PRIME
    x = pow(root, (PRIME + 3) // 8, PRIME)
    x = x if x * x % PRIME == root else x * pow(2, (PRIME - 1) // 4, PRIME) % PRIME
    if x * x % PRIME != root:
        return None
    return (x if x & 1 == sign else -x % PRIME, y % PRIME), y < PRIME and (x != 0 or not sign)

def times(number, point):
    """In extended coordinates, which need no division (RFC 8032, 5.1.4)."""
    def add(one, other):
        a, b = (one[1] - one[0]) * (other[1] - other[0]) % PRIME, (one[1] + one[0]) * (other[1] + other[0]) % PRIME
        c, d = 2 * CURVE * one[3] * other[3] % PRIME, 2 * one[2] * other[2] % PRIME
        e, f, g, h = b - a, d - c, d + c, b + a
        return e * f % PRIME, g * h % PRIME, f * g % PRIME, e * h % PRIME
    result, point = (0, 1, 1, 0), (*point, 1, point[0] * point[1] % PRIME)
    while number:
        result = add(result, point) if number & 1 else result
        point, number = add(point, point), number >> 1
    return result[0] == 0 and result[1] == result[2]

@functools.lru_cache(None)
def facts_of_key(data):
    """On the curve, canonical, not of small order, without a component of small order."""
    found = point_of(data)
    return (False,) * 4 if found is None else (True, found[1], not times(8, found[0]), times(ORDER, found[0]))

@functools.lru_cache(None)
def signed_by(public, message, signature):
    found = point_of(signature[:32])
    if found is None or times(8, found[0]):
        return False
    with tempfile.TemporaryDirectory() as folder:
        paths = [os.path.join(folder, part) for part in ("key", "message", "signature")]
        for path, data in zip(paths, (SPKI + public, message, signature)):
            with open(path, "wb") as file:
                file.write(data)
        command = ["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-keyform", "DER", "-inkey", paths[0]]
        done = subprocess.run([*command, "-in", paths[1], "-sigfile", paths[2]], capture_output=True)
        return done.returncode == 0

def unbase64(value, what):
    data = base64.b64decode(value, validate=True)
    must(base64.b64encode(data).decode() == value, f"{what} has stray bits")
    return data

def open_envelope(data, kind, ceiling, payload_ceiling):
    envelope = canonical(data, ceiling, "an envelope", envelope_form)
    must(envelope["payloadType"] == kind, "the envelope is for another type of payload")  # not alone: the type is part of what is signed
    signatures = [(one["keyid"], unbase64(one["sig"], "a signature")) for one in envelope["signatures"]]
    must(len(signatures) <= 32, "too many signatures")
    must(signatures == sorted(signatures), "signatures are not in order")
    must(all(len(signature) == 64 for _, signature in signatures), "a signature does not have 64 bytes")
    payload = unbase64(envelope["payload"], "the payload")
    must(len(payload) <= payload_ceiling, "the payload is larger than its ceiling")  # not alone: the document that is parsed has the same ceiling
    message = b"DSSEv1 %d %s %d " % (len(kind), kind.encode(), len(payload)) + payload
    return payload, message, signatures

def open_root(data):
    kind = "application/vnd.sealift.root.v1+json"
    payload, message, signatures = open_envelope(data, kind, 355_178, 256 * KIB)
    root = canonical(payload, 256 * KIB, "a trust root", root_form)
    keys, roles, revoked = root["keys"], root["roles"], root["revoked"]
    ids = [key["id"] for key in keys]
    must(len(keys) <= 256, "too many keys in a root")
    must(ascending(ids), "keys of a root are not in order, each once")
    must(len({key["name"] for key in keys}) == len(keys), "two keys of one name")
    for key in keys:
        key["public"] = unbase64(key["public"], "a key")
        must(len(key["public"]) == 32, "a key does not have 32 bytes")
        must(sha256(SPKI + key["public"]) == key["id"], "an id is not that of its key")
        on_curve, is_canonical, is_large, is_pure = facts_of_key(key["public"])
        must(on_curve, "a key that is no point of the curve")
        must(is_canonical or not on_curve, "a key that is not canonical")  # not alone: all of these are of small order or have such a component
        must(is_large or not on_curve, "a key of small order")
        must(is_pure or not on_curve or not is_large, "a key with a component of small order")
    must(root.get("expires", "~") > root["created"], "a root expires before it was made")
    must(ascending(revoked["keys"]), "revoked keys are not in order, each once")
    must(ascending(revoked["statements"]), "revoked statements are not in order, each once")
    must(not set(ids) & set(revoked["keys"]), "a key is listed and revoked")
    order = {"root": 0, "packer": 1, "approver": 2}
    must(ascending([(order[role["role"]], role.get("scenarios", [])) for role in roles]), "roles not in order")
    for role in roles:
        must(ascending(role["keys"]), "keys of a role are not in order, each once")
        must(ascending(role.get("scenarios", [])), "scenarios of a role are not in order, each once")
        must(role.get("scenarios") != [], "a role for no scenario")
        must(role["threshold"] <= len(role["keys"]), "a threshold above the number of keys")
        must(set(role["keys"]) <= set(ids), "a role names a key that is not listed")
    for word in order:
        scenarios = [scenario for role in roles if role["role"] == word for scenario in role.get("scenarios", [None])]
        must(len(set(scenarios)) == len(scenarios), f"two entries of {word} for one scenario")
        must(word != "root" or scenarios == [None], "not exactly one entry of the role root, for all scenarios")
        must(word != "packer" or scenarios, "nobody may pack")
    if "approvals" in root["policy"]:
        conditions = root["policy"]["approvals"].get("conditions", ["-"])
        must(conditions, "a list of conditions with none in it")
        must(ascending(conditions), "conditions of the policy are not in order, each once")
        must(any(role["role"] == "approver" for role in roles), "approvals without an approver")
    of = lambda word: {key for role in roles if role["role"] == word for key in role["keys"]}
    must(not of("approver") & of("packer"), "a key that packs and approves")
    return root, payload, message, signatures

def signers(root, message, signatures):
    ids, found = {key["id"] for key in root["keys"]}, set()
    for key in root["keys"]:
        for claimed, signature in signatures:
            if claimed == key["id"] or claimed not in ids:
                good = signed_by(key["public"], message, signature)
                must(good == (claimed == key["id"]), f"tampered: id and signature of {key['name']} do not fit")
                found |= {key["id"]} if good else set()
    return found

def threshold(root, role, scenario, message, signatures):
    entries = [entry for entry in root["roles"] if entry["role"] == role]
    named = [entry for entry in entries if scenario in entry.get("scenarios", [])]
    entry = (named or [entry for entry in entries if "scenarios" not in entry] or [{"keys": [], "threshold": 1}])[0]
    must(len(signers(root, message, signatures) & set(entry["keys"])) >= entry["threshold"], f"too few {role} keys signed")

def steps_of(lines):
    return [open_root(line) for line in lines.split(b"\n")]

def numbered(steps):
    must([step[0]["version"] for step in steps] == list(range(1, len(steps) + 1)), "a gap in the chain of roots")

def hold(steps):
    newest = None
    for following, _, message, signatures in steps:
        if newest:
            must(following["epoch"] >= newest["epoch"], "the epoch went back")
            must(following["created"] >= newest["created"], "a root that is older than the one before it")
            threshold(newest, "root", None, message, signatures)
        threshold(following, "root", None, message, signatures)
        newest = following
    return newest

def newest_root(pinned, chain, now):
    must(chain.endswith(b"\n"), "the chain of roots does not end with a line break")
    must(chain.count(b"\n") <= 256, "too many roots")
    steps = steps_of(chain.removesuffix(b"\n"))
    numbered(steps)
    file = steps_of(pinned.removesuffix(b"\n"))
    if len(file) > 1:
        numbered(file)
    root = hold(file)
    carried = {step[0]["version"]: step[1] for step in steps}
    for known, payload, _, _ in file:
        must(carried.get(known["version"], payload) == payload, "another trust root than the pinned one")
    newest = hold(steps)
    if newest["version"] <= root["version"]:
        return root
    must(time_of(newest["created"]) <= time_of(now) + timedelta(days=1), "a root that was made more than a day after now")
    return newest

def judge_approvals(file, root, statement, scenario, now):
    """Whether enough approvers let the bundle in out of order; refuses where too few approve at all."""
    entries = [entry for entry in root["roles"] if entry["role"] == "approver"]
    named = [entry for entry in entries if scenario in entry.get("scenarios", [])]
    entry = (named or [entry for entry in entries if "scenarios" not in entry] or [None])[0]
    policy, approved, latest = root["policy"].get("approvals"), {}, {}
    lines = file.removesuffix(b"\n").split(b"\n") if file else []
    must(len(lines) <= 32, "too many approvals")
    for line in lines:
        kind = "application/vnd.sealift.approval.v1+json"
        envelope = open_envelope(line, kind, 16_578, 8 * KIB)
        try:
            of = canonical(envelope[0], 8 * KIB, "an approval", approval_form)["statement"]
        except Exception:
            of = None
        ids = (tuple(claimed for claimed, _ in envelope[2]), of)
        latest.pop(ids, None)
        latest[ids] = envelope
    for payload, message, signatures in latest.values():
        who = signers(root, message, signatures) & set(entry["keys"] if entry else [])
        if not who:
            continue
        approval = canonical(payload, 8 * KIB, "an approval", approval_form)
        must(ascending(approval["conditions"]), "conditions of an approval")
        fits = approval["statement"] == statement and approval["scenario"] == scenario
        if policy is not None:
            age = (time_of(now) - time_of(approval["approved"])).total_seconds()
            fits = fits and ("max_age_days" not in policy or 0 <= age < policy["max_age_days"] * 86_400)
            fits = fits and set(policy.get("conditions", [])) <= set(approval["conditions"])
        approved.update({key: approval for key in who} if fits else {})
    must(policy is None or entry and len(approved) >= entry["threshold"], "too few approvals")
    reasons = [key for key, approval in approved.items() if "out_of_order" in approval]
    return entry is not None and len(reasons) >= entry["threshold"]

def check_choice(selection, needs):
    """What a bundle was made for, and what a site has to add: sections 4.1 and 4.2."""
    must(selection != {} and needs != {}, "a selection or needs that say nothing")
    selection, needs = selection or {}, needs or {}
    features, without, withheld = (selection.get(key, []) for key in ("features", "without", "withheld"))
    must(not set(features) & set(without), "a feature is both chosen and left out")
    must(ascending(withheld), "what is withheld is not in order, each once")
    must("audience" in selection or not withheld, "something is withheld from nobody")
    parameters, secrets = needs.get("parameters", []), needs.get("secrets", [])
    must(all(len(one) <= 4096 for one in (features, without, withheld, parameters, secrets)), "more than a bundle may have items")
    must(all(ascending([one["name"] for one in list_]) for list_ in (parameters, secrets)), "parameters or secrets out of order")
    for parameter in parameters:
        form, choices = parameter["format"], parameter.get("choices", [])
        must((form == "choice") == bool(choices), "choices without a choice, or a choice without any")
        must(all(fits(choice, "text") for choice in choices), "a choice that is no plain text")
        must("default" not in parameter or fits(parameter["default"], form, choices), "a default of another format")

def open_statement(tape, pinned, now, approvals):
    chain, seal = tape.unbelieved("seal/roots.dsse.jsonl", 4 * MIB), tape.unbelieved("seal/bundle.dsse.json", 2 * MIB)
    root = newest_root(pinned, chain, now)
    payload, message, signatures = open_envelope(seal, "application/vnd.in-toto+json", 2 * MIB, MIB)
    packers = {key for role in root["roles"] if role["role"] == "packer" for key in role["keys"]}
    must(signers(root, message, signatures) & packers, "no packer signed")  # not alone: the threshold of the scenario is at least one packer
    statement = canonical(payload, MIB, "the statement", statement_form)
    predicate = statement["predicate"]
    threshold(root, "packer", predicate["scenario"], message, signatures)
    must("sha256:" + sha256(payload) not in root["revoked"]["statements"], "the bundle is revoked")
    must(predicate["root_version"] <= root["version"], "the bundle claims a root that is not there")
    must(predicate["epoch"] == root["epoch"], "another epoch than the root's")
    must(predicate.get("expires", "~") > predicate["created"], "it expires before it was created")
    for date in (root.get("expires", "~"), predicate.get("expires", "~")):
        must(date > now or root["policy"]["expiry"] == "warn", f"expired at {date}")
    check_choice(predicate.get("selection"), predicate.get("needs"))
    permit = approvals is not None and judge_approvals(approvals, root, "sha256:" + sha256(payload), predicate["scenario"], now)
    members = predicate["members"]
    must([member["name"] for member in members] == FIXED, "the members are not those of the format")
    for member, ceiling in zip(members, (16 * MIB, MIB, 256 * MIB, MIB, 16 * MIB, 16 * MIB)):
        must(member["size"] <= ceiling, f"{member['name']} is larger than its ceiling")
    subject = [{"name": members[at]["name"], "digest": {"sha256": members[at]["sha256"]}} for at in (4, 0)]
    must(statement["subject"] == subject, "the subjects are not the digests of the members")
    must(tape.member("seal/statement.json", len(payload), sha256(payload)) == payload, "another statement")  # not alone: its header and digest are those of the payload
    return predicate, permit

# Items and the announced order: section 5.

def check_referrer(entry, image):
    """An entry behind an image; `image` is what the entries before it end with."""
    notes = entry["annotations"]
    must(image is not None and "withheld" in image, "a referrer stands behind no image")
    must({OF} <= set(notes) <= {OF, TAG} and "artifactType" not in entry, "other keys or annotations than a referrer has")
    must(notes[OF] == image["annotations"][ITEM + "name"], "a referrer of another image than the one it stands behind")
    if TAG in notes:
        text(r"sha256-[0-9a-f]{64}\.[a-z]{1,32}")(notes[TAG], "the tag of a referrer")
        must(all(notes[TAG] != other["annotations"].get(TAG) for other in image["referrers"]), "two referrers with one tag")
    image["referrers"].append(entry)

def check_index(index):
    """The items; an image gets the list of what it withholds and that of its referrers."""
    entries, items, names, references = index["manifests"], [], set(), set()
    must(index["schemaVersion"] == 2, "the index is of another version")
    must(len(entries) <= 4096, "too many items")
    for item in entries:
        notes = item.get("annotations", {})
        must(all(type(note) is str for note in notes.values()), "an annotation is no text")
        if OF in notes:
            check_referrer(item, items[-1] if items else None)
            continue
        items.append(item)
        kind = notes.get(ITEM + "kind")
        must(kind in ("image", "doc", "config", "file"), "an item of no known kind")
        wanted = {ITEM + "kind", ITEM + "name", ITEM + "origin"} | ({REFERENCE, CONTAINERD} if kind == "image" else set())
        own = {"image": {WITHHELD}, "doc": set(), "config": {TEMPLATE}, "file": {FILE_KIND}}[kind]
        may = wanted | {LICENSES, VERSION, AUDIENCE, PRIORITY} | own
        free = {key for key in notes if key.startswith("x-")}
        must(wanted <= set(notes), "an annotation is missing")
        must(set(notes) - free <= may, "other annotations than an item has")
        must(len(free) <= 16, "too many annotations with `x-`")
        for key in free:
            name(key[2:], "an annotation with `x-`")
            must(len(notes[key].encode()) <= 1024, "an annotation with `x-` is too long")
            must(not any(map(is_hidden, notes[key])), "an annotation with `x-` has a hidden character")
        if notes.get(AUDIENCE):
            audience = notes[AUDIENCE].split(",")
            [name(one, "an audience") for one in audience]
            must(ascending(audience), "audiences are not in order, each once")
        one_of("package", "plugin", "chart", "model", "certificate", "evidence", "tool")(notes.get(FILE_KIND, "tool"), "the kind of a file")
        must(re.fullmatch("[0-9]|[1-9][0-9]", notes.get(PRIORITY, "0")) and notes.get(PRIORITY) != "50", "a priority")
        must(notes.get(TEMPLATE, "true") == "true", "a template that is none")
        must(item.get("artifactType") == (None if kind == "image" else f"application/vnd.sealift.{kind}.v1"), "artifactType")
        name(notes[ITEM + "name"], "the name of an item")
        must(notes[ITEM + "name"] not in names, "two items of one name")
        names.add(notes[ITEM + "name"])
        if kind == "image":
            image_name(notes[REFERENCE], "the reference of an image")
            must(notes[REFERENCE] not in references, "two images of one reference")
            must(len(references) == len(names) - 1, "an image behind a tree")
            references.add(notes[REFERENCE])
            must(notes[CONTAINERD] == notes[REFERENCE], "two names for one image")
            item["withheld"], item["referrers"] = notes[WITHHELD].split(",") if WITHHELD in notes else [], []
            [digest(one, "what is withheld") for one in item["withheld"]]
            must(ascending(item["withheld"]), "what is withheld is not in order, each once")
    return items

def object_of(value, what):
    must(isinstance(value, dict), f"{what} is not an object")
    return value

def blob_of(value):
    value = object_of(value, "a descriptor")
    text()(value.get("mediaType"), "mediaType")
    digest(value.get("digest"), "digest")
    number(value.get("size"), "size", 0, EXACT)
    foreign = "nondistributable" in value["mediaType"] or ".foreign." in value["mediaType"]
    must(not foreign and value.get("urls") in (None, []), "a foreign layer")
    platform = value.get("platform")
    if platform is not None:
        part = object_of(platform, "a platform")
        [text()(part.get(key), key) for key in ("os", "architecture")]
        variant = part.get("variant")
        must(variant is None or isinstance(variant, str), "a variant is no text")
        platform = f"{part['os']}/{part['architecture']}" + ("/" + variant if variant else "")
        platform = "unknown/unknown" if platform.startswith("unknown/unknown/") else platform
    return {"type": value["mediaType"], "digest": value["digest"], "size": value["size"], "platform": platform}

# Image JSON: what stands behind the known keys of an object. A tuple is an array of such objects, MAP a map.
MAP = object()
known = lambda names, **others: {**dict.fromkeys(names.split()), **others}
PLATFORM = known("architecture os os.version os.features variant features")
DESCRIPTOR = known("mediaType digest size urls data artifactType", annotations=MAP, platform=PLATFORM)
DOCUMENT = known("schemaVersion mediaType artifactType", manifests=(DESCRIPTOR,), config=DESCRIPTOR,
                 layers=(DESCRIPTOR,), blobs=(DESCRIPTOR,), subject=DESCRIPTOR, annotations=MAP)
HEALTH = known("Test Interval Timeout StartPeriod StartInterval Retries")
EXECUTION = known("""Hostname Domainname User AttachStdin AttachStdout AttachStderr Tty OpenStdin StdinOnce Env Cmd ArgsEscaped
    Image WorkingDir Entrypoint NetworkDisabled MacAddress OnBuild StopSignal StopTimeout Shell Memory MemorySwap CpuShares""",
                  ExposedPorts=MAP, Healthcheck=HEALTH, Volumes=MAP, Labels=MAP)
HISTORY = known("created created_by author comment empty_layer")
CONFIG = known("created author architecture variant os os.version os.features container docker_version id parent comment",
               config=EXECUTION, container_config=EXECUTION, rootfs=known("type diff_ids"), history=(HISTORY,))

class Pairs(list):
    """The keys and values of an object, as they stand there."""

def image_json(data, keys, what):
    """Refuses what parsers read differently, and gives the document."""
    def walk(value, shape, depth):
        if isinstance(value, (Pairs, list)):
            must(depth < 64, f"{what} is nested too deep")
        if isinstance(value, Pairs):
            must(not isinstance(shape, tuple), f"an object stands where {what} has an array")
            names = [name for name, _ in value]
            "".join(names).encode()
            if shape is not MAP:
                must(all(name.isascii() for name in names), f"a key of {what} is not ASCII")
                for name in names:
                    must(name in (shape or {}) or name.lower() not in map(str.lower, shape or {}), f"the case of a key of {what}")
                names = list(map(str.lower, names))
            must(len(set(names)) == len(names), f"a key of {what} stands twice")
            return {name: walk(one, None if shape is MAP else (shape or {}).get(name), depth + 1) for name, one in value}
        if isinstance(value, list):
            must(shape is None or isinstance(shape, tuple), f"an array stands where {what} has an object")
            return [walk(one, shape[0] if shape else None, depth + 1) for one in value]
        if isinstance(value, str):
            value.encode()
        return value
    def constant(_):
        raise ValueError
    def is_double(text):
        must(abs(float(text)) < float("inf"), f"a number of {what} is beyond what a double holds")
        return int(text) if re.fullmatch("-?[0-9]+", text) else None
    try:
        document = json.loads(data.decode(), object_pairs_hook=Pairs, parse_constant=constant, parse_int=is_double,
                              parse_float=is_double)
        must(isinstance(document, Pairs), f"{what} is not an object")
        return walk(document, keys, 0)
    except (ValueError, RecursionError):
        raise Refused(f"{what} is not JSON in UTF-8") from None

def parse_document(data, media_type):
    document = image_json(data, DOCUMENT, "a document")
    number(document.get("schemaVersion"), "schemaVersion", 2, 2)
    must(document.get("mediaType") in (None, media_type), "a document calls itself something else")
    parts = {key: document[key] for key in ("manifests", "config", "layers") if document.get(key) is not None}
    must(media_type in INDEXES + MANIFESTS, f"{media_type} is no manifest or index")  # not alone: nothing else is read as a document
    wanted = {"manifests"} if media_type in INDEXES else {"config", "layers"}
    must(set(parts) == wanted, "other keys than its kind of document has")
    parts = {key: blob_of(part) if key == "config" else [blob_of(one) for one in part] for key, part in parts.items()}
    if document.get("subject") is not None:
        parts["subject"] = object_of(document["subject"], "a subject").get("digest")
        digest(parts["subject"], "the digest of a subject")
    return parts

def check_entries_of_images(items, documents, withheld):
    """What images withhold, what referrers are about, and how many references there are."""
    references = 0

    def below(entry):
        nonlocal references
        found, pending = set(), [entry["digest"]]
        while pending:
            one = pending.pop()
            if one not in found and one not in withheld:
                found.add(one)
                parts = documents[one][1]
                children = [child["digest"] for child in parts.get("manifests", [])]
                references += 1 + len(children) + len(parts.get("layers", []))
                must(references <= 262_144, "too many references")
                pending += children
        return found

    for item in items:
        about = below(item)
        for entry in item.get("referrers", []):
            tag, stated = entry["annotations"].get(TAG), documents[entry["digest"]][1].get("subject")
            must(("sha256:" + tag[7:71] if tag else stated) in about, "a referrer is about nothing of its image")
            about |= below(entry)
        listed = {child["digest"] for one in about for child in documents[one][1].get("manifests", [])}
        must(listed & withheld == set(item.get("withheld", [])), "another list of what is withheld than the indexes make")

def read_documents(tape, items, trees):
    """Documents in the announced order: digest to (media type, parts, bytes), and sizes of everything announced."""
    documents, sizes = {}, {}
    withheld = {one for item in items for one in item.get("withheld", [])}

    def visit(media_type, blob_digest, size, depth):
        must(media_type in INDEXES + MANIFESTS, "a document of another kind")  # not alone: the parser asks again
        must(size <= 4 * MIB, "a document is larger than its ceiling")
        if blob_digest in documents:
            must(documents[blob_digest][0] == media_type, "two media types for one document")
            must(sizes[blob_digest] == size, "two sizes for one document")
            return
        data = tape.member("blobs/sha256/" + blob_digest[7:], size, blob_digest[7:])
        parts = parse_document(data, media_type)
        must("manifests" not in parts or depth < 4, "indexes are nested too deep")
        documents[blob_digest], sizes[blob_digest] = (media_type, parts, data), size
        for child in parts.get("manifests", []):
            if child["digest"] not in withheld:
                visit(child["type"], child["digest"], child["size"], depth + 1)

    for item in items:
        must(item["digest"] not in documents or "artifactType" not in item, "a tree whose manifest has been met before")
        for entry in [item, *item.get("referrers", [])]:
            visit(entry["mediaType"], entry["digest"], entry["size"], 0)
    check_entries_of_images(items, documents, withheld)
    manifests = [(blob, parts) for blob, (_, parts, _) in documents.items() if "config" in parts]
    inventories = {parts["config"]["digest"] for blob, parts in manifests if blob in trees}
    configs, layers = [], []
    due = [(configs, parts["config"]) for _, parts in manifests]
    due += [(layers, layer) for _, parts in manifests for layer in parts["layers"]]
    for group, blob in due:
        ceiling = EXACT if group is layers else 128 * MIB if blob["digest"] in inventories else 4 * MIB
        must(blob["size"] <= ceiling, "a configuration is larger than its ceiling")
        must(sizes.setdefault(blob["digest"], blob["size"]) == blob["size"], "two sizes for one blob")
        if blob["digest"] not in documents and blob["digest"] not in configs + layers:
            group.append(blob["digest"])
    of_images = {parts["config"]["digest"] for _, parts in manifests if parts["config"]["type"] in IMAGE_CONFIGS}
    must(not of_images & set(documents), "a document is also the configuration of an image")
    must(len(sizes) <= 65_536, "too many blobs")  # not alone: a vector would have 65,537 blobs
    must(not withheld & set(sizes), "something is withheld and yet there")
    return documents, sizes, configs, layers, of_images

def check_tree_manifest(item, documents):
    _, parts, data = documents[item["digest"]]
    must("config" in parts and len(parts["layers"]) == 1, "a tree has a manifest with one layer")  # not alone: the manifest is rendered and compared
    plain = lambda media_type, blob: {"mediaType": media_type, "digest": blob["digest"], "size": blob["size"]}
    expected = {
        "schemaVersion": 2, "mediaType": MANIFEST, "artifactType": item["artifactType"],
        "config": plain(INVENTORY, parts["config"]), "layers": [plain(LAYER, parts["layers"][0])],
        "annotations": {ITEM + "name": item["annotations"][ITEM + "name"]}}
    must(encode(expected) == data, "the manifest of a tree is not the one it has to be")
    return parts["config"], parts["layers"][0]

def docker_manifest(items, documents):
    def images(blob_digest, platform):
        parts = documents[blob_digest][1]
        if "config" in parts and parts["config"]["type"] in IMAGE_CONFIGS and platform != "unknown/unknown":
            yield platform, parts
        for child in parts.get("manifests", []):
            if child["digest"] in documents:
                yield from images(child["digest"], child["platform"])
    found, path = [], lambda blob: "blobs/sha256/" + blob["digest"][7:]
    for item in items:
        reference = item["annotations"].get(REFERENCE)
        all_images = list(images(item["digest"], None)) if reference else []
        if all_images:
            parts = next((parts for platform, parts in all_images if platform == "linux/amd64"), all_images[0][1])
            plain = reference.split("@")[0]
            tags = [plain] if ":" in plain.rpartition("/")[2] else []
            found.append({"Config": path(parts["config"]), "RepoTags": tags, "Layers": [path(one) for one in parts["layers"]]})
    return encode(found)

# Trees: sections 6 and 7.

def one_frame(data, what):
    """Walks one zstd frame: its end and its content."""
    must(data[:4] == b"\x28\xb5\x2f\xfd", f"{what} does not begin like a zstd frame")
    must(len(data) >= 6, f"{what} is cut off in its header")  # not alone: what is cut off there states no size
    flags = data[4]
    must(not flags & 0b11, f"{what} has a dictionary")
    must(not flags & 0b100, f"{what} has a checksum")
    must(not flags & 0b1000, f"{what} has the reserved bit")
    must(not flags & 0b10000, f"{what} has the unused bit")
    must(flags & 0b100000, f"{what} is no single segment")
    start = 5 + (0 if flags & 0b100000 else 1) + [0, 1, 2, 4][flags & 3]
    width = [1, 2, 4, 8][flags >> 6]
    size = int.from_bytes(data[start:start + width], "little") + (256 if width == 2 else 0)
    must(1 <= size <= 8 * MIB, f"{what} has {size} bytes")
    at, last, plain, content = start + width, False, True, bytearray()
    while not last:
        must(at + 3 <= len(data), f"{what} is cut off in a block header")  # not alone: a frame without its last block has not the size it states
        if at + 3 > len(data):
            break
        head = int.from_bytes(data[at:at + 3], "little")
        last, kind, length = head & 1, head >> 1 & 3, head >> 3
        must(length <= min(size, 128 * KIB), f"{what} has a block of {length} bytes")
        must(kind != 3, f"{what} has a block of no known type")
        plain = plain and kind != 2
        content += data[at + 3:at + 4] * length if kind == 1 else data[at + 3:at + 3 + length]
        at += 3 + (1 if kind == 1 else length)
    at += 4 if flags & 4 else 0
    must(at <= len(data), f"{what} is cut off")  # not alone: then it has not the size it states
    if not plain:
        # As a stream, so that a block that makes more than 128 KiB is refused.
        done = unpacked(data[:at])
        must(done is not None, f"{what} cannot be decoded")
        content = done
    must(len(content) == size, f"{what} does not have the size it states")
    return at, bytes(content)

@functools.lru_cache(None)
def unpacked(frame):
    done = subprocess.run(["zstd", "-dcq"], input=frame, capture_output=True)
    return done.stdout if done.returncode == 0 else None

def inventory_list(frames, key, form, head_form, ceiling):
    """Takes the frames of one list, and returns its lines behind the first."""
    text, lines = b"", None
    while lines is None or text.count(b"\n") < lines:
        must(frames, "an inventory ends early")
        text += frames.pop(0)
        must(len(text) <= 512 * MIB, "a list of an inventory is too large")  # not alone: a vector would have 512 MiB of lines
        if lines is None and b"\n" in text:
            head = canonical(text[:text.index(b"\n")], 8 * KIB, "the first line of an inventory", head_form)
            must(head[key] <= ceiling, f"too many {key}")  # not alone: a vector would have 1,048,577 lines
            lines = head[key] + 1
    must(text.endswith(b"\n") and text.count(b"\n") == lines, "a list of an inventory does not end with its frame")
    return [canonical(line, 8 * KIB, "a line of an inventory", form) for line in text.split(b"\n")[1:lines]]

def check_path(path):
    parts = path.split("/")
    must(len(path.encode()) <= 1024, f"{path!r} has more than 1,024 bytes")
    must(len(parts) <= 64, f"{path!r} has more than 64 components")
    for part in parts:
        must(part, f"an empty component of {path!r}")
        must(part not in (".", ".."), f"dots in {path!r}")  # not alone: such a component ends with a dot
        must(len(part.encode()) <= 255, f"a component of {path!r} has more than 255 bytes")
        must(not re.search(r'[\\:*?"<>|]', part), f"a character of Windows in {path!r}")
        must(part[-1:] not in (".", " "), f"a component of {path!r} ends with a dot or a space")
        must(not is_device(part), f"a device in {path!r}")
        must(not any(map(is_hidden, part)), f"a character that cannot be seen in {path!r}")
        must(all(map(is_assigned, part)), f"a character that Unicode 15.0 does not have in {path!r}")

@functools.lru_cache(None)
def assigned_ranges():
    file = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../src/bundle/value/unicode-15.0.txt")
    with open(file, encoding="ascii") as ranges:
        ends = [part.split("-") for part in ranges.read().split()]
    return [(int(part[0], 16), int(part[-1], 16)) for part in ends]

@functools.lru_cache(None)
def is_assigned(character):
    """FORMAT.md 6.3 says where the ranges come from. Python's own tables may be older or newer."""
    return any(low <= ord(character) <= high for low, high in assigned_ranges())

def key_of(path):
    """One key for paths that are one file where case and Unicode form are ignored; case character by character."""
    upper = "".join(one.upper() for one in unicodedata.normalize("NFD", path))
    return unicodedata.normalize("NFC", "".join(one.lower() for one in upper))

HIDDEN = [(int(part[:6], 16), int(part[-6:], 16)) for part in """0000ad-0000ad 00034f-00034f 00061c-00061c 00115f-001160
    0017b4-0017b5 00180b-00180f 00200b-00200f 002028-00202e 002060-00206f 003164-003164 00feff-00feff 00ffa0-00ffa0
    00fff0-00fffb 00fe00-00fe0f 0e0000-0e0fff""".split()]

def check_entries(entries):
    paths, kinds, keys = [entry["path"] for entry in entries], {}, set()
    must(ascending([path.encode() for path in paths]), "entries are not in order, each once")
    for entry in entries:
        path = entry["path"]
        check_path(path)
        folder = path.rpartition("/")[0]
        must(not folder or kinds.get(folder) == "dir", f"{path!r} lies in no folder of the tree")
        key = key_of(path)
        must(key not in keys, f"{path!r} is another name elsewhere")
        keys.add(key)
        kinds[path] = entry["type"]
    for entry in entries:
        if entry["type"] == "link":
            base, down = entry["path"].split("/")[:-1], entry["target"]
            while down.startswith("../"):
                must(base, f"{entry['path']!r} leaves the tree")
                base, down = base[:-1], down[3:]
            check_path(down)
            target = "/".join(base + [down])
            must(kinds.get(target) in ("file", "dir"), f"{entry['path']!r} leads to no file or folder")
            must(not entry["path"].startswith(target + "/"), f"{entry['path']!r} leads to a folder it lies in")

def cut(value):
    """As many whole characters as fit into 100 bytes."""
    return value.encode()[:100].decode(errors="ignore").encode()

def tar_head(entry):
    path, target = entry["path"] + ("/" if entry["type"] == "dir" else ""), entry.get("target", "")
    records = b""
    for key, value in (("linkpath", target), ("path", path)):
        if len(value.encode()) > 100:
            rest = len(f" {key}=\n") + len(value.encode())
            length = next(size for size in range(rest + 1, rest + 9) if size == rest + len(str(size)))
            records += f"{length} {key}={value}\n".encode()
    head = b""
    if records:
        head = tar_header(b"././@PaxHeader", len(records), kind=b"x") + records + bytes(-len(records) % 512)
    mode = {"dir": "0755", "link": "0777"}.get(entry["type"]) or entry["mode"]
    kind = {"dir": b"5", "link": b"2", "file": b"0"}[entry["type"]]
    return head + tar_header(cut(path), entry.get("size", 0), int(mode, 8), kind, cut(target))

def check_tree(inventory, layer, what):
    must(len(inventory) <= 128 * MIB, "an inventory is larger than its ceiling")  # not alone: a vector would have 128 MiB
    at, contents = 0, []
    while at < len(inventory):
        end, content = one_frame(inventory[at:], f"the inventory of {what}")
        contents.append(content)
        at += end
    exactly_one = lambda value, about: number(value, about, 1, 1)
    entries = inventory_list(contents, "entries", entry_form, record(inventory=exactly_one, entries=number), MIB)
    frames = inventory_list(contents, "frames", frame_form, record(frames=number), MIB)
    must(not contents, f"something behind the inventory of {what}")
    check_entries(entries)
    stream, at = [], 0
    for frame in frames:
        must(frame["offset"] == at, f"a gap between the frames of {what}")
        must(1 <= frame["size"] <= 8 * MIB, f"the size of a frame of {what}")  # not alone: the frame itself states it
        must(frame["stored"] <= 8 * MIB + 64 * KIB, f"the stored size of a frame of {what}")
        at += frame["stored"]
    lengths = [len(tar_head(entry)) + entry.get("size", 0) + -entry.get("size", 0) % 512 for entry in entries]
    must(sum(lengths) + 1024 == sum(frame["size"] for frame in frames), f"the frames are not the stream of {what}")
    must(at == len(layer), f"the frames are not the layer of {what}")
    for frame in frames:
        stored = layer[frame["offset"]:frame["offset"] + frame["stored"]]
        must(sha256(stored) == frame["sha256"], f"a frame of {what} has another digest")
        end, content = one_frame(stored, f"a frame of {what}")
        must(end == len(stored), f"there is something behind a frame of {what}")
        must(len(content) == frame["size"], f"a frame of {what} states another size than the inventory")
        stream.append(content)
    tape = Tape(b"".join(stream))
    for entry in entries:
        head, size = tar_head(entry), entry.get("size", 0)
        must(tape.take(len(head)) == head, f"the header of {entry['path']!r} is another one")
        must(sha256(tape.take(size)) == entry.get("sha256", sha256(b"")), f"{entry['path']!r} has another digest")
        must(not any(tape.take(-size % 512)), f"the padding of {entry['path']!r} is not zero")
    must(not any(tape.take(1024)), f"the end of {what} is not zero")
    return len(entries), len(frames)

# What sites say: SITE.md 16.3 and 17.

policy_form = record(expiry=one_of("refuse", "warn"), approvals_opt=record(
    max_age_days_opt=lambda value, what: number(value, what, 0, (1 << 32) - 1), conditions_opt=some(name)))
mark = record(epoch=exact, sequence=exact, statement=digest)
under = record(root_version=exact, root=digest, policy=policy_form)
head_form = record(entries=exact, digest=digest)
receipt_form = record(
    kind_=one_of("https://sealift.dev/receipt/v1"), site=digest, name=name, issued=moment,
    outcome=one_of("installed", "drilled"), scenario=name, bundle=mark, time=moment, out_of_order_opt=text(), under=under,
    current_opt=digest, entry=head_form, journal=head_form, held_opt=record(blobs=exact, bytes=exact, list=digest))

def read_receipt(data, public):
    kind = "application/vnd.sealift.receipt.v1+json"
    payload, message, signatures = open_envelope(data.removesuffix(b"\n"), kind, 22_375_277, 16 * MIB)
    must(len(signatures) == 1, "a receipt has not exactly one signature")
    claimed, signature = signatures[0]
    must(claimed == sha256(SPKI + public), "another key than that of the site signed")
    must(signed_by(public, message, signature), "tampered: the signature of the site does not verify")
    canonical(payload, 16 * MIB, "a receipt", receipt_form)

def values_of(value, what):
    must(isinstance(value, dict), f"{what} is not an object")
    must(ascending(list(value)), f"{what} are not in order, each once")
    for key, one in value.items():
        name(key, f"a key of {what}")
        text()(one, f"{what}.{key}")

rendered = record(
    parameters=digest, values=values_of, count=exact, files_opt=some(record(path=text(), sha256=hex64)), list_opt=digest)
act_forms = {
    "founded": record(compared=text()),
    "installed": record(
        scenario=name, release=name, bundle=mark, under=under, signers=list_of(name), approvers=list_of(name),
        out_of_order_opt=text(), rendered_opt=rendered),
    "switched": record(**{"scenario": name, "from": name, "to": name, "out_of_order_opt": text()}),
    "pruned": record(scenario=name, releases=list_of(name)),
    "repaired": record(**{
        "scenario": name, "from": name, "to": name, "bundle": mark, "under": under, "differences_opt": exact}),
    "accepting": record(added_opt=some(name), removed_opt=some(name)),
    "trusted": record(recovery_opt=text()),
    "recovered": record(reason=text()),
    "drilled": record(scenario=name, bundle=mark, under=under),
    "refused": record(code=text(), message=text(), statement_opt=digest)}
release_form = record(
    folder=name, bundle=name, version=name, mark=mark, installed=moment, files=exact, bytes=exact, parameters_opt=digest,
    inventory_opt=digest)
state_form = record(
    site=digest, name=name, accepts=list_of(name), keep=lambda value, what: number(value, what, 0, (1 << 32) - 1),
    key_opt=hex64, root_version=exact, root=digest, time_floor=moment,
    scenarios=list_of(record(
        name=name, highest=mark, current=name, releases=list_of(release_form), permits_opt=some(digest))))

def act_form(value, what):
    must(isinstance(value, dict) and len(value) == 1 and set(value) <= set(act_forms), f"{what} is not one known act")
    for act, content in value.items():
        act_forms[act](content, f"{what}.{act}")

entry_of_journal = record(number=exact, previous_opt=digest, time=moment, act=act_form, state=state_form)

def read_journal(data):
    must(data.endswith(b"\n"), "the journal has no line, or the last one is not whole")
    before, site = None, None
    for at, line in enumerate(data.removesuffix(b"\n").split(b"\n"), 1):
        must(len(line) <= 4 * MIB, "a line of the journal is larger than its limit")
        entry = canonical(line, len(line), f"line {at} of the journal", entry_of_journal)
        must(entry["number"] == at, f"line {at} has another number")
        must(entry.get("previous") == before, f"line {at} does not follow from the one before")
        must(site in (None, entry["state"]["site"]), f"line {at} is of another site")
        before, site = "sha256:" + sha256(line), entry["state"]["site"]

# Encrypted carriers, as far as a reader without an identity gets: CARRIER.md.

carrier_form = record(
    kind_=one_of("https://sealift.dev/carrier/v1"), sha256=hex64, size=exact, scenario=name, created=moment)

def read_carrier(seal, pinned, now, encrypted):
    must(len(seal) <= 4_205_422, "the seal outside is larger than its limit")  # not alone: its parts have limits too
    must(seal.endswith(b"\n"), "the last line of the seal outside is not whole")
    chain, line_break, line = seal.removesuffix(b"\n").rpartition(b"\n")
    must(len(chain) + 1 <= 4 * MIB, "the trust roots are larger than their limit")
    root = newest_root(pinned, chain + line_break, now)
    payload, message, signatures = open_envelope(line, "application/vnd.sealift.carrier.v1+json", 11_117, 4 * KIB)
    packers = {key for role in root["roles"] if role["role"] == "packer" for key in role["keys"]}
    must(signers(root, message, signatures) & packers, "no packer signed")  # not alone: the threshold of the scenario is at least one packer
    carrier = canonical(payload, 4 * KIB, "the carrier", carrier_form)
    threshold(root, "packer", carrier["scenario"], message, signatures)
    must(root.get("expires", "~") > now or root["policy"]["expiry"] == "warn", "the trust root has expired")
    must(len(encrypted) == carrier["size"], "the encrypted file has another size")
    must(sha256(encrypted) == carrier["sha256"], "the encrypted file has another digest")

# All of it: section 8.

def read(data, pinned, now, approvals):
    tape = Tape(data)
    predicate, permit = open_statement(tape, pinned, now, approvals)
    fixed = {member["name"]: tape.member(member["name"], member["size"], member["sha256"]) for member in predicate["members"]}
    must(not any(fixed["seal/RESERVE"]) and fixed["oci-layout"] == LAYOUT, "seal/RESERVE or oci-layout")
    items = check_index(canonical(fixed["index.json"], 16 * MIB, "index.json", index_form))
    documents, sizes, configs, layers, of_images = read_documents(tape, items, {item["digest"] for item in items if item.get("artifactType")})
    trees = [(item, *check_tree_manifest(item, documents)) for item in items if item.get("artifactType")]
    for _, inventory, layer in trees:
        must(inventory["digest"] in configs and layer["digest"] in layers, "a tree shares a part with another kind of part")
    must(fixed["manifest.json"] == docker_manifest(items, documents), "manifest.json is not what the index makes")
    listed = [(member["name"], member["sha256"]) for member in predicate["members"][1:]]
    listed += [("blobs/sha256/" + blob[7:], blob[7:]) for blob in [*documents, *configs, *layers]]
    sums = "".join(f"{blob}  {path}\n" for path, blob in listed)
    must(fixed["seal/SHA256SUMS"] == sums.encode(), "SHA256SUMS is not what the index makes")
    totals = {"items": len(items), "blobs": len(sizes), "bytes": sum(sizes.values())}
    must(predicate["totals"] == totals, "the totals are not what the index makes")
    blobs = {blob: tape.member("blobs/sha256/" + blob[7:], sizes[blob], blob[7:]) for blob in configs + layers}
    must(not any(tape.take(1024)), "the closing blocks are not zero")
    must(tape.at == len(data), "something behind the end")
    for config in of_images:
        image_json(blobs[config], CONFIG, "a configuration")
    entries, frames = 0, 0
    for item, inventory, layer in trees:
        counts = check_tree(blobs[inventory["digest"]], blobs[layer["digest"]], item["annotations"][ITEM + "name"])
        entries, frames = entries + counts[0], frames + counts[1]
        must(max(entries, frames) <= 2 * MIB, "the trees have too many entries or frames together")  # not alone: a vector would have two million entries
    return permit

def verdict(reader, *given):
    try:
        return "ok, out of order" if reader(*given) else "ok"
    except Refused as reason:
        return f"refused: {reason}"

def refusing_rule(reader, *given):
    """Number of the line of the rule that refuses; nothing where none does; "other" where an error of Python does."""
    try:
        reader(*given)
    except Refused as reason:
        return reason.rule or "other"
    except Exception:
        return None
    return None

def rules(folder):
    """Which vectors each rule alone refuses."""
    global SWITCHED_OFF
    with open(__file__, encoding="utf-8") as file:
        source = file.read().split("\n")
    found = {line: [] for line, text in enumerate(source, 1) if re.search(r"(^|[ \[(])must\(", text) and "def must" not in text}
    for vector_name, vector in all_vectors(folder):
        SWITCHED_OFF = None
        print(vector_name, verdict(*vector))
        SWITCHED_OFF = rule = refusing_rule(*vector)
        if rule in found and refusing_rule(*vector) is None:
            found[rule].append(vector_name)
    print()
    for line, names_of in found.items():
        print(line, "covered" if names_of else "bare", ",".join(names_of[:3]) or "-", source[line - 1].strip())

def all_vectors(folder):
    for file in sorted(os.listdir(folder)):
        if file.endswith(".sealift-vector"):
            with open(os.path.join(folder, file), "rb") as vector:
                head, packed = vector.read().split(b"\n\n", 1)
            head = dict(line.split(": ", 1) for line in head.decode().split("\n"))
            command = ["zstd", "-dcq", "-D", os.path.join(folder, head["compressed"].split(" -D ")[1])]
            bundle = subprocess.run(command, input=packed, capture_output=True, check=True).stdout
            yield file.removesuffix(".sealift-vector"), given_by(folder, head, bundle)

def given_by(folder, head, data):
    """The reader of a vector, and what it is given."""
    def beside(key):
        if key not in head:
            return b""
        with open(os.path.join(folder, head[key]), "rb") as other:
            return other.read()
    kind = head.get("kind")
    if kind == "receipt":
        return read_receipt, data, base64.b64decode(head["key"])
    if kind == "journal":
        return read_journal, data
    if kind == "carrier":
        return read_carrier, data, beside("root"), head["now"], beside("encrypted")
    return read, data, beside("root"), head["now"], beside("approvals")

def vectors(folder):
    for vector_name, vector in all_vectors(folder):
        print(vector_name, verdict(*vector))

if __name__ == "__main__":
    def content(at):
        with open(sys.argv[at], "rb") as file:
            return file.read()

    def clock(at):
        return sys.argv[at] if len(sys.argv) > at else datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")

    if sys.argv[1] == "--vectors":
        vectors(sys.argv[2])
    elif sys.argv[1] == "--rules":
        rules(sys.argv[2])
    elif sys.argv[1] == "--receipt":
        print(verdict(read_receipt, content(2), base64.b64decode(sys.argv[3])))
    elif sys.argv[1] == "--journal":
        print(verdict(read_journal, content(2)))
    elif sys.argv[1] == "--carrier":
        print(verdict(read_carrier, content(2), content(4), clock(5), content(3)))
    else:
        print(verdict(read, content(1), content(2), clock(3), content(4) if len(sys.argv) > 4 else None))
