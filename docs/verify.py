#!/usr/bin/env python3
"""Verifies a haltgate ledger as docs/ledger.md describes it, sharing no code with haltgate.

  verify.py DIRECTORY [--key VKEY] [--anchors DIRECTORY]
  verify.py --proof FILE --line FILE --key VKEY

The first form reads every segment: form, hashes, chain, tree, checkpoints and the file `checkpoint`; --key pins the
first key, --anchors compares the notes <slot>.note that write-once storage held; of a copy that lacks the newest note it
cannot tell. The second needs no ledger: FILE is a c2sp.org/tlog-proof@v1, --line the entry that it is about, VKEY the
key that signed the note in it, which is not the first one where keys changed since. Signatures are checked by the
command `openssl`. It reads neither the vault nor the index, and replays no decision.
Exit: 0 verified, 1 tampered or corrupt, 2 usage, 3 incomplete, 4 rollback or fork, 5 unreadable, 6 unknown version."""
import base64, functools, hashlib, json, os, re, shutil, subprocess, sys, tempfile
from datetime import datetime

LINE = re.compile(rb'(\{.*),"hash":"([0-9a-f]{64})"\}', re.S)
BODY = re.compile(
    r'\{"actor":\{.*\},"boot":"[0-7][0-9A-HJKMNP-TV-Z]{25}","data":\{.*\},"kind":"[a-z]+(\.[a-z]+)*",'
    r'"prev":"[0-9a-f]{64}","seq":[0-9]+,"ts":"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])'
    r'T([01][0-9]|2[0-3])(:[0-5][0-9]){2}\.[0-9]{3}Z","v":1\}', re.S)
IDS = {"agent", "key", "principal", "project", "run", "tenant"}
OWN = {"checkpoint", "key.rotate"}  # each holds a signed note over all entries before it
FRAME = {"log.genesis", "segment.open", "boot.open", "boot.close"}
ENTRIES_MAX, SECONDS_MAX = 1024, 10 + 5  # between two of them; the 5 are grace for a busy machine
WRONG = (ValueError, TypeError, KeyError, AttributeError)  # what reading something raises that is not what it should be
found = {1: [], 4: [], 6: [], 3: []}  # sentences by exit code, worst first

def need(condition, place, sentence, code=1):
    if not condition: found[code].append(f"{place}: {sentence}")
    return condition
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
def refuse(text="no note"): raise ValueError(text)
def content(path):
    with open(path, "rb") as file: return file.read()

def read(body):  # canonical JSON is what comes out again as it went in
    entry = json.loads(body.decode(), object_pairs_hook=members, parse_int=integer,
                       parse_float=refuse, parse_constant=refuse)
    again = json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    if again.encode() != body or depth(entry) > 16: raise ValueError("not canonical")
    return entry

def folded(roots):  # MTH of RFC 6962 out of the roots of the perfect subtrees, (size, hash) each
    return functools.reduce(lambda right, left: node(left, right), [root for _, root in reversed(roots)])

# Notes (c2sp.org/signed-note, c2sp.org/tlog-checkpoint): origin, size, root, more lines; a blank line; signatures

def base(text):  # base64 in its one spelling
    data = base64.b64decode(text, validate=True)
    return data if data and base64.b64encode(data).decode() == text else refuse()

class Note:
    def __init__(self, note):  # ValueError where it is none
        text, split, below = note.rpartition("\n\n")
        self.origin, size, root, *self.more = text.split("\n") if len(note) <= 16384 and split else refuse()
        lines = re.findall("(.*)\n", below) if below.endswith("\n") and text.count("\n") >= 2 else refuse()
        marks = [re.fullmatch("\u2014 ([^+\\s]+) (\\S+)", line) or refuse() for line in lines]
        bad = re.search("[\0-\x09\x0b-\x1f\x7f]|^\n|\n\n", text) or not re.fullmatch("0|[1-9][0-9]{0,14}", size)
        self.text, self.size, self.root = text.encode() + b"\n", refuse() if bad else int(size), base(root).hex()
        self.signatures = [(mark[1], base(mark[2])[:4].hex(), base(mark[2])[4:]) for mark in marks]
        if len(self.root) != 64 or any(len(base(mark[2])) < 5 for mark in marks): refuse()

    def signed_by(self, vkey):
        name, identity, key = parsed(vkey)
        mine = [signature for *who, signature in self.signatures if who == [name, identity]]
        return bool(mine) and all(ed25519(key, self.text, signature) for signature in mine)

def parsed(vkey):  # name, id and 32 bytes of `name+id+base64(0x01 || key)`
    name, identity, typed = re.fullmatch(r"([^+\s]+)\+([0-9a-f]{8})\+(\S+)", vkey).groups()
    good = len(base(typed)) == 33 and base(typed)[0] == 1 and sha(name.encode() + b"\n" + base(typed))[:8] == identity
    return (name, identity, base(typed)[1:]) if good else refuse()

def ed25519(key, message, signature):
    if not shutil.which("openssl"):
        return need(False, "signatures", "not verified: there is no openssl here", 3) or True
    with tempfile.TemporaryDirectory() as place:
        key = bytes.fromhex("302a300506032b6570032100") + key  # SubjectPublicKeyInfo of RFC 8410
        for name, data in [("key", key), ("message", message), ("signature", signature)]:
            with open(os.path.join(place, name), "wb") as file: file.write(data)
        command = "openssl pkeyutl -verify -pubin -keyform DER -inkey key -rawin -in message -sigfile signature"
        return len(signature) == 64 and not subprocess.run(command.split(), cwd=place, capture_output=True).returncode

class Log:  # what the notes of a ledger must agree with: its origin, its keys, its roots, the time
    def __init__(self, pinned, sizes):
        self.pinned, self.origin, self.keys, self.roots = pinned, None, [], dict.fromkeys(sizes)
        self.covered = self.verified = 0
        self.counted, self.since = 1, None  # entries from the last note's on; when the first behind it was written

    def begin(self, vkey, since, place):  # a key takes over, for notes of this size and larger ones
        need(self.keys or self.pinned in (None, vkey), place, "KEY_UNTRUSTED: the first key is not the pinned one")
        try: self.keys.append((since, parsed(vkey)[0] == self.origin and vkey or refuse()))
        except WRONG: need(False, place, "CP_SIG: it brings no key of this log")

    def check(self, note, place):
        key = next((vkey for since, vkey in reversed(self.keys) if since <= note.size), None)
        good = note.origin == self.origin and key is not None and note.signed_by(key)
        other = not good and any(note.signed_by(vkey) for _, vkey in self.keys if vkey != key)
        return need(good, place, "KEY_RANGE: by a key that was not in force" if other else "CP_SIG: no signature of the key")

    def count(self, note): self.verified, self.covered = self.verified + 1, max(self.covered, note.size)

    def gap(self, place): need(self.counted <= ENTRIES_MAX, place, f"CP_GAP: {self.counted} entries since the last note")

    def entry(self, entry, root, place):
        kind, data, seq, now = entry["kind"], entry["data"], entry["seq"], entry["ts"]
        vkey = data.get("vkey", "")
        if kind == "log.genesis":
            self.origin = data.get("origin")
            if vkey: self.begin(vkey, 0, place)
        if kind == "segment.open":
            need(not self.keys or vkey == self.keys[-1][1], place, "it names another key than the one in force")
            self.since = None  # what waited in the segment before is covered, or was cut off by its end
        if kind == "boot.open": self.since = now
        if kind not in OWN | FRAME: self.counted, self.since = self.counted + 1, self.since or now
        if kind not in OWN: return
        if kind == "key.rotate" and not self.keys:  # the log began unsigned: this key has nothing but its own word
            self.counted, self.since = 1, self.begin(vkey, seq, place)
        try: note = Note(data["note"])
        except WRONG: return need(False, place, "CP_SIG: it has no note")
        sound = not found[1] and need((note.size, note.root) == (seq, root), place, "CP_ROOT: not of the tree before it")
        if self.check(note, place) and sound: self.count(note)
        self.gap(place)
        waited = when(now) - when(self.since or now)
        need(waited <= SECONDS_MAX, place, f"CP_GAP: an entry waited {waited:.0f} s for it", 3)
        self.counted, self.since = 1, None
        if kind == "key.rotate":
            need(note.more == [f"haltgate-next-key {vkey}"], place, "CP_SIG: its note names another key")
            if self.keys[-1:] != [(seq, vkey)]: self.begin(vkey, seq + 1, place)

    def outside(self, note, place, size):  # kept beside the ledger, or away from it
        if not need(note.size <= size, place, f"rollback: of {note.size} entries, and there are {size}", 4): return
        sound = need(self.roots[note.size] == note.root, place, "fork: of another tree", 4)
        if not sound and place.endswith(".note"): return  # of another log that has the same name, perhaps
        if self.check(note, place) and sound: self.count(note)

def when(ts):
    try: return datetime.fromisoformat(ts[:-1]).timestamp()
    except ValueError: return 0  # no such day

def opened(said, before, roots, seq, place, directory):  # what segment.open says of the file before
    name, good, rest = before
    path = os.path.join(directory, said["snapshot"]["name"])
    torn = {"bytes": len(rest), "sha256": sha(rest)} if rest else None
    need(said["previous"] == {"bytes": len(good), "name": name, "sha256": sha(good)}, place, "link")
    need(said["torn"] == torn and not (rest and said["clean"]), place, "torn tail")
    need(said["first_seq"] == said["tree_size"] == seq, place, "tree size")
    need(said["frontier"] == [root for _, root in roots], place, "frontier")
    if not os.path.exists(path): need(False, place, "snapshot missing", 3)
    else: need(sha(content(path)) == said["snapshot"]["sha256"], place, "snapshot")

def verify(directory, log):
    seq, prev, ts, roots, head, before, good, rest = 0, "0" * 64, "", [], None, None, 0, b""
    names = sorted(n for n in os.listdir(directory) if re.fullmatch(r"ledger-[0-9]{15}\.jsonl", n))
    need(names and int(names[0][7:22]) == 0, directory, "the first segment is missing")
    for name in names:
        data, good, at = content(os.path.join(directory, name)), 0, 0
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
                if version == 1: log.entry(entry, folded(roots) if kind in OWN else None, place)
            head, prev, seq, size, root = (seq, leaf), leaf, seq + 1, 1, leaf
            while roots and roots[-1][0] == size: size, root = size * 2, node(roots.pop()[1], root)
            roots.append((size, root))
            if seq in log.roots: log.roots[seq] = folded(roots)
        before, rest = (name, data[:good], data[good:]), data[good:]
    crash = len(rest) <= 2 * 2**20 and (head or b"\n" not in rest)  # what one cut-off write leaves
    need(not names or good and not rest, "the end", "not a whole valid line", 3 if crash else 1)
    return head, folded(roots) if roots else None, seq

def kept(directory, anchors):  # read before the ledger: what a writer adds meanwhile makes none of them wrong
    paths = [os.path.join(directory, "checkpoint")]
    paths = [path for path in paths if os.path.exists(path)]
    names = sorted(n for n in os.listdir(anchors) if re.fullmatch(r"[0-9]{10}\.note", n)) if anchors else []
    need(names == [f"{slot:010}.note" for slot in range(len(names))], anchors, "ANCHOR_VERSION: a slot is missing", 4)
    for path in paths + [os.path.join(anchors, name) for name in names]:
        try: yield path, Note(content(path).decode())
        except ValueError: need(False, path, "CP_SIG: it is no note")

def check_ledger(directory, pinned, anchors):
    notes = list(kept(directory, anchors))
    log = Log(pinned, [note.size for _, note in notes])
    head, root, size = verify(directory, log)
    for path, note in [] if found[1] else notes: log.outside(note, path, size)
    need(pinned is None or log.keys, directory, "KEY_UNTRUSTED: the ledger has no key")
    if log.keys and not found[1] and log.covered != size:
        log.gap("the end")
        need(False, "the end", f"CP_GAP: {size - log.covered} entries are under no note", 3)
    print("head", *(head or ["none"]))
    print("root", root if root and not (found[1] or found[4] or found[6]) else "none")
    print("notes", log.verified, "verified, up to size", log.covered)
    if log.keys: print("key", log.keys[0][1], "(as pinned)" if pinned else "(as the ledger says: pin it with --key)")

def check_proof(proof, line, key):  # RFC 9162 section 2.1.3.2, over a c2sp.org/tlog-proof@v1
    try:
        above, _, note = content(proof).decode().partition("\n\n")
        match = re.fullmatch(r"c2sp\.org/tlog-proof@v1\n(?:extra \S+\n)?index (0|[1-9][0-9]{0,14})((?:\n\S+)*)", above)
        body, path = LINE.fullmatch(content(line).rstrip(b"\n"))[1] + b"}", [base(one).hex() for one in match[2].split()]
        note, index, root, entry = Note(note), int(match[1]), sha(b"\0" + body), read(body)
    except WRONG: return need(False, proof, "it is no proof, or the line is no entry")
    log, at, last = Log(key, []), index, note.size - 1
    need(entry.get("seq") == index <= last, proof, "it is of another entry, or the checkpoint does not cover it")
    for one in path:
        if not need(last > 0 and len(one) == 64, proof, "it has too many hashes"): return
        root = node(one, root) if at % 2 or at == last else node(root, one)
        while at == last and at and not at % 2: at, last = at // 2, last // 2
        at, last = at // 2, last // 2
    need(last == 0 and root == note.root, proof, "the entry is not in the tree of the checkpoint")
    log.origin = parsed(key)[0]
    log.begin(key, 0, "--key")
    log.check(note, proof)

def main(words):
    places, words = ([words[0]], words[1:]) if words[:1] and not words[0].startswith("--") else ([], words)
    flags = dict(zip(words[::2], words[1::2]))
    try:
        if "--key" in flags: parsed(flags["--key"])
        if len(words) % 2: refuse()
        if places and set(flags) <= {"--key", "--anchors"}: check_ledger(*places, flags.get("--key"), flags.get("--anchors"))
        elif not places and set(flags) == {"--proof", "--line", "--key"}: check_proof(*map(flags.get, ["--proof", "--line", "--key"]))
        else: refuse()
    except (ValueError, AttributeError): return print(__doc__, file=sys.stderr) or 2
    except OSError as error: return print(error, file=sys.stderr) or 5
    for sentence in dict.fromkeys(sum(found.values(), [])): print(sentence, file=sys.stderr)
    code = next((code for code in found if found[code]), 0)
    print({0: "OK", 1: "TAMPERED", 3: "INCOMPLETE", 4: "ROLLBACK", 6: "UNKNOWN VERSION"}[code])
    return code

sys.exit(main(sys.argv[1:]))
