#!/usr/bin/env python3
"""Verifies a haltgate ledger at the level `chain` (docs/ledger.md): python3 verify.py DIRECTORY
Exit: 0 verified, 1 tampered or corrupt, 3 incomplete, 5 unreadable, 6 unknown version. Needs Python 3.8, nothing else."""
import hashlib, json, os, re, sys
HASH, LINE = "[0-9a-f]{64}", re.compile(rb'(\{.*),"hash":"([0-9a-f]{64})"\}', re.S)
FORM = {"boot": "[0-7][0-9A-HJKMNP-TV-Z]{25}", "kind": r"[a-z]+(\.[a-z]+)*", "prev": HASH,
        "ts": "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3])(:[0-5][0-9]){2}[.][0-9]{3}Z"}
GENESIS, OPEN = "created_by hash log_id origin spec vkey", "clean first_seq frontier previous snapshot torn tree_size"
sha = lambda data: hashlib.sha256(data).hexdigest()
node = lambda left, right: sha(b"\x01" + bytes.fromhex(left) + bytes.fromhex(right))
depth = lambda value: 0 if not isinstance(value, (dict, list)) else 1 + max(map(depth, value.values() if isinstance(value, dict) else value), default=0)
found = {1: [], 3: [], 6: []}
def need(condition, place, sentence, code=1):
    if not condition: found[code].append(f"{place}: {sentence}")
def members(pairs):
    if not all(re.fullmatch("[a-z][a-z0-9_]*", key) for key, _ in pairs): raise ValueError("a key is not a plain word")
    return dict(pairs)
def integer(text):
    if abs(int(text)) >= 2**53: raise ValueError("a number is not a safe integer")
    return int(text)
def read(body):
    entry = json.loads(body.decode(), object_pairs_hook=members, parse_int=integer, parse_float=members, parse_constant=members)
    if json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() != body: raise ValueError("not canonical")
    if depth(entry) > 16: raise ValueError("nested deeper than 16")
    return entry
def formed(e):
    return (" ".join(e) == "actor boot data kind prev seq ts v" and type(e["seq"]) is int and e["seq"] >= 0 and type(e["v"]) is int
        and all(isinstance(e[name], str) and re.fullmatch(form, e[name]) for name, form in FORM.items()) and isinstance(e["data"], dict)
        and isinstance(e["actor"], dict) and all(isinstance(v, str) and n in "agent key principal project run tenant".split() for n, v in e["actor"].items()))
def opened(d, before, roots, seq, place, directory):
    name, data, good = before
    rest = data[good:]
    need(d["previous"] == {"bytes": good, "name": name, "sha256": sha(data[:good])}, place, "the file before is not the recorded one")
    need(d["torn"] == ({"bytes": len(rest), "sha256": sha(rest)} if rest else None) and not (rest and d["clean"]), place, "the torn tail is not the declared one")
    need(d["first_seq"] == d["tree_size"] == seq and d["frontier"] == [root for _, root in roots], place, "the frontier is not that of the entries before")
    path = os.path.join(directory, d["snapshot"]["name"])
    need(os.path.exists(path), place, "the snapshot is missing", 3)
    need(not os.path.exists(path) or sha(open(path, "rb").read()) == d["snapshot"]["sha256"], place, "the snapshot was changed")
def verify(directory):
    seq, prev, ts, roots, head, before = 0, "0" * 64, "", [], None, None
    names = sorted(name for name in os.listdir(directory) if re.fullmatch(r"ledger-[0-9]{15}\.jsonl", name))
    need(names and names[0] == f"ledger-{0:015}.jsonl", directory, "the first segment is missing")
    for name in names:
        data = open(os.path.join(directory, name), "rb").read()
        good = at = 0
        for line in data.split(b"\n")[:-1]:
            place, match = f"{name}:{at} seq {seq}", LINE.fullmatch(line)
            first, at = at == 0, at + len(line) + 1
            if len(line) > 65534 or not match or sha(b"\0" + match[1] + b"}") != match[2].decode(): continue
            need(good == at - len(line) - 1, place, "a line before this one is not whole")
            good, leaf, entry = at, match[2].decode(), {}
            try: entry = read(match[1] + b"}")
            except (ValueError, TypeError, RecursionError) as error: need(False, place, str(error))
            version = entry.get("v", 1) if isinstance(entry, dict) else 1
            if type(version) is int and version != 1: need(False, place, f"version {version}", 6)
            elif entry: need(formed(entry), place, "not an entry")
            if entry and formed(entry):
                need(entry["seq"] == seq and entry["prev"] == prev, place, "out of the chain")
                need(entry["ts"] >= ts, place, "ts runs backward")
                need((entry["kind"] == "log.genesis") == (before is None and first) and (entry["kind"] == "segment.open") == (before is not None and first), place, "begins a file or does not")
                need(not first or int(name[7:22]) == entry["seq"], place, "the file is not named for it")
                d, kind, seq, ts = entry["data"], entry["kind"], entry["seq"], entry["ts"]
                if kind == "log.genesis":
                    need(d.get("spec") == "haltgate-ledger/1", place, "unknown spec", 6 if isinstance(d.get("spec"), str) else 1)
                    need(" ".join(d) == GENESIS and d.get("hash") == "sha256-rfc6962-leaf", place, "not a genesis")
                if kind == "segment.open" and before:
                    try: opened(d, before, roots, seq, place, directory)
                    except (KeyError, TypeError, ValueError): need(False, place, "not a segment.open")
            head, prev, seq, size, root = (seq, leaf), leaf, seq + 1, 1, leaf
            while roots and roots[-1][0] == size: size, root = size * 2, node(roots.pop()[1], root)
            roots.append((size, root))
        before, rest = (name, data, good), data[good:]
    if names and (rest or not good):
        crash = len(rest) <= 2 * 2**20 and (head or b"\n" not in rest)
        need(False, f"{name}:{good}", "bytes behind the last whole line", 3 if crash else 1)
    root = roots.pop()[1] if roots else None
    while roots: root = node(roots.pop()[1], root)
    return head, root
try: head, root = verify(sys.argv[1])
except OSError as error: sys.exit(print(error, file=sys.stderr) or 5)
exit_code = next((code for code in (1, 6, 3) if found[code]), 0)
for code in found: print("\n".join(found[code]), end="\n" if found[code] else "", file=sys.stderr)
print("head", *(head or ("none",)))
print("root", root if root and exit_code in (0, 3) else "none")
print({0: "OK", 1: "TAMPERED", 3: "INCOMPLETE", 6: "UNKNOWN VERSION"}[exit_code])
sys.exit(exit_code)
