#!/usr/bin/env python3
"""Verifies a haltgate ledger at the level `chain` of docs/ledger.md: python3 verify.py DIRECTORY
Exit: 0 verified, 1 tampered or corrupt, 3 incomplete, 5 unreadable, 6 unknown version."""
import hashlib, json, os, re, sys

LINE = re.compile(rb'(\{.*),"hash":"([0-9a-f]{64})"\}', re.S)
BODY = re.compile(
    r'\{"actor":\{.*\},"boot":"[0-7][0-9A-HJKMNP-TV-Z]{25}","data":\{.*\},"kind":"[a-z]+(\.[a-z]+)*",'
    r'"prev":"[0-9a-f]{64}","seq":[0-9]+,"ts":"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])'
    r'T([01][0-9]|2[0-3])(:[0-5][0-9]){2}\.[0-9]{3}Z","v":1\}', re.S)
IDS = {"agent", "key", "principal", "project", "run", "tenant"}
found = {1: [], 6: [], 3: []}  # sentences by exit code, worst first

def need(condition, place, sentence, code=1):
    if not condition: found[code].append(f"{place}: {sentence}")
def sha(data): return hashlib.sha256(data).hexdigest()
def node(left, right): return sha(b"\x01" + bytes.fromhex(left) + bytes.fromhex(right))
def depth(value):
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inside is None else 1 + max(map(depth, inside), default=0)
def members(pairs):
    if any(not re.fullmatch("[a-z][a-z0-9_]*", key) for key, _ in pairs): raise ValueError("key")
    return dict(pairs)
def integer(text):
    if abs(int(text)) >= 2**53: raise ValueError("unsafe integer")
    return int(text)
def refuse(text): raise ValueError(text)

def read(body):  # canonical JSON is what comes out again as it went in
    entry = json.loads(body.decode(), object_pairs_hook=members, parse_int=integer,
                       parse_float=refuse, parse_constant=refuse)
    again = json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    if again.encode() != body or depth(entry) > 16: raise ValueError("not canonical")
    return entry

def opened(said, before, roots, seq, place, directory):  # what segment.open says of the file before
    name, good, rest = before
    path = os.path.join(directory, said["snapshot"]["name"])
    torn = {"bytes": len(rest), "sha256": sha(rest)} if rest else None
    need(said["previous"] == {"bytes": len(good), "name": name, "sha256": sha(good)}, place, "link")
    need(said["torn"] == torn and not (rest and said["clean"]), place, "torn tail")
    need(said["first_seq"] == said["tree_size"] == seq, place, "tree size")
    need(said["frontier"] == [root for _, root in roots], place, "frontier")
    if not os.path.exists(path): need(False, place, "snapshot missing", 3)
    else: need(sha(open(path, "rb").read()) == said["snapshot"]["sha256"], place, "snapshot")

def verify(directory):
    seq, prev, ts, roots, head, before, good, rest = 0, "0" * 64, "", [], None, None, 0, b""
    names = sorted(n for n in os.listdir(directory) if re.fullmatch(r"ledger-[0-9]{15}\.jsonl", n))
    need(names and int(names[0][7:22]) == 0, directory, "the first segment is missing")
    for name in names:
        data, good, at = open(os.path.join(directory, name), "rb").read(), 0, 0
        for line in data.split(b"\n")[:-1]:
            place, start, at, match = f"{name}:{at} seq {seq}", at, at + len(line) + 1, LINE.fullmatch(line)
            if not match or len(line) >= 65535 or sha(b"\0" + match[1] + b"}").encode() != match[2]: continue
            need(good == start, place, "no valid line before this one")
            good, leaf, body = at, match[2].decode(), match[1] + b"}"
            try: entry = read(body)
            except (ValueError, TypeError, RecursionError): entry = need(False, place, "not canonical")
            version = (entry or {}).get("v")
            if type(version) is int and version != 1: need(False, place, f"version {version}", 6)
            elif entry and not (BODY.fullmatch(body.decode()) and len(entry) == 8 and set(entry["actor"]) <= IDS
                                and all(isinstance(i, str) for i in entry["actor"].values())):
                entry = need(False, place, "not an entry")
            if entry:
                said, kind = entry.get("data"), entry.get("kind")
                need(entry.get("seq") == seq and entry.get("prev") == prev, place, "not next in the chain")
                need(ts <= str(entry.get("ts")), place, "time runs backward")
                need((kind == "log.genesis") == (seq == 0), place, "genesis")
                need((kind == "segment.open") == (before is not None and start == 0), place, "segment.open")
                need(start or int(name[7:22]) == entry.get("seq"), place, "file name")
                seq, ts = entry.get("seq", seq), str(entry.get("ts"))
                if kind == "log.genesis":
                    spec, known = said.get("spec"), said.get("hash") == "sha256-rfc6962-leaf"
                    need(spec == "haltgate-ledger/1", place, "spec", 6 if isinstance(spec, str) else 1)
                    need(known and "log_id" in said and "origin" in said, place, "genesis")
                if kind == "segment.open" and before:
                    try: opened(said, before, roots, seq, place, directory)
                    except (KeyError, TypeError): need(False, place, "segment.open")
            head, prev, seq, size, root = (seq, leaf), leaf, seq + 1, 1, leaf
            while roots and roots[-1][0] == size: size, root = size * 2, node(roots.pop()[1], root)
            roots.append((size, root))
        before, rest = (name, data[:good], data[good:]), data[good:]
    crash = len(rest) <= 2 * 2**20 and (head or b"\n" not in rest)  # what one cut-off write leaves
    need(not names or good and not rest, "the end", "not a whole valid line", 3 if crash else 1)
    root = roots.pop()[1] if roots else None
    while roots: root = node(roots.pop()[1], root)
    return head, root

if len(sys.argv) != 2: sys.exit(print(__doc__, file=sys.stderr) or 2)
try: head, root = verify(sys.argv[1])
except OSError as error: sys.exit(print(error, file=sys.stderr) or 5)
code = next((code for code in found if found[code]), 0)
for sentence in sum(found.values(), []): print(sentence, file=sys.stderr)
print("head", *(head or ["none"]))
print("root", root if root and code in (0, 3) else "none")
print({0: "OK", 1: "TAMPERED", 3: "INCOMPLETE", 6: "UNKNOWN VERSION"}[code])
sys.exit(code)
