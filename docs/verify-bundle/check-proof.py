#!/usr/bin/env python3
"""Checks an evidence bundle of haltgate, or one proof of it, with Python and openssl alone.

  check-proof.py [--key VKEY] DIRECTORY
  check-proof.py [--key VKEY] [--show] --proof FILE...
  check-proof.py --lines FILE

DIRECTORY is where the bundle was unpacked; a proof by itself looks for its keys in the current one. --key is the log's
first key as it was written down elsewhere: without it the keys are believed as they were packed. --show prints the entry.
--lines looks at stored lines by themselves: each against its own hash.
Exit: 0 OK, 1 WRONG, 2 usage, 3 UNSIGNED (the log has no checkpoint), 5 unreadable."""
import base64, hashlib, json, os, re, subprocess, sys, tempfile

LINE = re.compile(rb'(\{.*),"hash":"([0-9a-f]{64})"\}', re.S)
END = re.compile(rb'"kind":"([a-z.]+)","prev":"([0-9a-f]{64})","seq":(0|[1-9][0-9]{0,15}),"ts":"[0-9TZ:.-]{24}","v":1\}')
FOLDERS = ("ledger", "proofs", "policy", "handovers", "anchors")


class Wrong(Exception):
    pass


def need(condition, sentence):
    if not condition: raise Wrong(sentence)

def sha(data): return hashlib.sha256(data).hexdigest()
def node(left, right): return sha(b"\x01" + bytes.fromhex(left) + bytes.fromhex(right))
def plain(text): return re.sub(r"[^ -~]", "?", str(text))
def content(*path):
    with open(os.path.join(*path), "rb") as file: return file.read()

def names(*path):
    folder = os.path.join(*path)
    return sorted(os.listdir(folder)) if os.path.isdir(folder) else []

def based(text):  # base64 in its one spelling
    try: data = base64.b64decode(text, validate=True)
    except ValueError: data = b""
    need(data and base64.b64encode(data).decode() == text, "base64 is broken")
    return data


# Signed notes: origin, size, root, extension lines, a blank line, signatures (c2sp.org/signed-note, tlog-checkpoint)

class Note:
    def __init__(self, data, place):
        try: text = data.decode()
        except UnicodeDecodeError: raise Wrong(f"{place}: it is no text")
        self.place, (above, blank, below) = place, text.rpartition("\n\n")
        self.text, lines = above + "\n", above.split("\n")
        need(blank and len(lines) >= 3 and below.endswith("\n"), f"{place}: it is no signed note")
        self.origin, size, root, *self.more = lines
        need(re.fullmatch("0|[1-9][0-9]{0,14}", size), f"{place}: its size is no number")
        self.size, self.root, self.signatures = int(size), based(root).hex(), []
        for line in below[:-1].split("\n"):
            match = re.fullmatch("\u2014 ([^+\\s]+) (\\S+)", line)
            need(match, f"{place}: a line of its signatures has not their form")
            data = based(match[2])
            self.signatures.append((match[1], data[:4].hex(), data[4:]))


def parsed(vkey):  # name+id+base64(0x01 || key): name, id and the 32 bytes
    match = re.fullmatch(r"([^+\s]+)\+([0-9a-f]{8})\+(\S+)", vkey)
    typed = based(match[3]) if match else b""
    need(len(typed) == 33 and typed[0] == 1, f"'{plain(vkey)}' is no key of Ed25519")
    need(sha(match[1].encode() + b"\n" + typed)[:8] == match[2], f"'{plain(vkey)}' has not the id of its key")
    return match[1], match[2], typed[1:]

def openssl(key, message, signature):
    if len(signature) != 64: return False
    with tempfile.TemporaryDirectory() as place:
        der = bytes.fromhex("302a300506032b6570032100") + key  # SubjectPublicKeyInfo (RFC 8410)
        for name, data in [("key", der), ("message", message), ("signature", signature)]:
            with open(os.path.join(place, name), "wb") as file: file.write(data)
        command = "openssl pkeyutl -verify -rawin -pubin -keyform DER -inkey key -sigfile signature -in message"
        return subprocess.run(command.split(), cwd=place, capture_output=True).returncode == 0


class Keys:
    """The keys of the log, each with the size above which it signs; checked note by note from the first one on."""
    def __init__(self, place, pinned):
        packed = os.path.join(place, "vkeys.txt")
        listed = content(packed).decode().split() if os.path.exists(packed) else []
        need(pinned is None or not listed or listed[0] == pinned, "the first key of the bundle is not that of --key")
        first = pinned or (listed or [None])[0]
        self.spans, self.known = [(-1, first)] if first else [], {}
        self.origin = parsed(first)[0] if first else None
        for name in names(place, "handovers"):
            note = Note(content(place, "handovers", name), f"handovers/{name}")
            self.check(note)
            match = re.fullmatch(r"haltgate-next-key (\S+)", "\n".join(note.more))
            need(match and parsed(match[1])[0] == self.origin, f"{note.place}: it names no next key")
            if match[1] != self.spans[-1][1]: self.spans.append((note.size, match[1]))
        need(not listed or [key for _, key in self.spans] == listed, "the handovers do not lead to the keys of vkeys.txt")

    def check(self, note):
        key = next((key for above, key in reversed(self.spans) if above < note.size), None)
        need(key, f"{note.place}: there is no key for it")
        name, identity, raw = parsed(key)
        need(note.origin == self.origin, f"{note.place}: it is of another log")
        mine = [data for one, id, data in note.signatures if (one, id) == (name, identity)]
        asked = (key, note.text, *mine)
        if asked not in self.known: self.known[asked] = bool(mine) and all(openssl(raw, note.text.encode(), one) for one in mine)
        need(self.known[asked], f"{note.place}: it is not signed by the key in force")


# Proofs of inclusion (c2sp.org/tlog-proof@v1, RFC 9162 section 2.1.3.2)

def leaf_of(line, place):
    match = LINE.fullmatch(line)
    need(match and sha(b"\0" + match[1] + b"}") == match[2].decode(), f"{place}: a line has not its own hash")
    end = END.search(match[1] + b"}", max(0, len(match[1]) - 400))
    need(end and end.end() == len(match[1]) + 1, f"{place}: a line is no entry")
    return match[2].decode(), end[2].decode(), int(end[3]), end[1].decode()

def check_proof(data, place, keys):
    above, _, below = data.partition(b"\n\n")
    match = re.fullmatch(rb"c2sp\.org/tlog-proof@v1\nextra (\S+)\nindex (0|[1-9][0-9]{0,14})((?:\n\S+)*)", above)
    need(match, f"{place}: it is no proof that holds its entry")
    note, path = Note(below, place), [based(one.decode()).hex() for one in match[3].split()]
    try: line = json.loads(based(match[1].decode()))["line"].encode()
    except (ValueError, KeyError, TypeError, AttributeError): raise Wrong(f"{place}: it holds no entry")
    index, last = int(match[2]), note.size - 1
    root, _, seq, _ = leaf_of(line, place)
    need(seq == index <= last, f"{place}: the entry is not of its index, or not covered")
    for one in path:
        need(last > 0 and len(one) == 64, f"{place}: it is too long")
        if index % 2 or index == last:
            root = node(one, root)
            while not index % 2 and index: index, last = index // 2, last // 2
        else: root = node(root, one)
        index, last = index // 2, last // 2
    need(last == 0 and root == note.root, f"{place}: the entry is not in the signed tree")
    keys.check(note)
    return seq, sha(b"\0" + line[:-75] + b"}"), line


# Segments: each line by its hash and in the chain, and the tree over them

def folded(roots):
    root = roots[-1][1]
    for _, left in roots[-2::-1]: root = node(left, root)
    return root

def check_segments(place, wanted):
    """Hashes of the wanted seqs, roots of the wanted sizes, first and last seq."""
    hashes, roots, tree, first, prev, seq = {}, {}, [], None, None, None
    for name in names(place, "ledger"):
        if not re.fullmatch(r"ledger-[0-9]{15}\.jsonl", name): continue
        broken = None
        with open(os.path.join(place, "ledger", name), "rb") as file:
            for line in file:
                try: leaf, before, at, kind = leaf_of(line[:-1] if line.endswith(b"\n") else b"", f"ledger/{name}")
                except Wrong as error:
                    broken = error  # a torn tail, where nothing sound comes behind it
                    continue
                if broken: raise broken
                if first is None:
                    first, tree = at, begun(line, at) if kind == "segment.open" else []
                    need(at == 0 or kind == "segment.open", f"ledger/{name}: it does not begin with segment.open")
                else: need(at == seq + 1 and before == prev, f"ledger/{name}: entry {at} does not follow the one before")
                prev, seq, size, root = leaf, at, 1, leaf
                while tree and tree[-1][0] == size: size, root = size * 2, node(tree.pop()[1], root)
                tree.append((size, root))
                if at in wanted[0]: hashes[at] = leaf
                if at + 1 in wanted[1]: roots[at + 1] = folded(tree)
    need(first is not None, "there is no segment")
    return hashes, roots, first, seq

def begun(line, size):  # the perfect subtrees before a segment, as its first line says; the signed root tells if it is true
    try: frontier = json.loads(line)["data"]["frontier"]
    except (ValueError, KeyError, TypeError): raise Wrong("a segment.open is broken")
    widths = [1 << bit for bit in range(size.bit_length() - 1, -1, -1) if size >> bit & 1]
    good = isinstance(frontier, list) and all(isinstance(f, str) and re.fullmatch("[0-9a-f]{64}", f) for f in frontier)
    need(good and len(frontier) == len(widths), "the frontier of a segment.open is broken")
    return list(zip(widths, frontier))


def check_files(place):
    try:
        manifest = json.loads(content(place, "manifest.json"))
        files = {file["name"]: file for file in manifest["files"]}
        for name, file in files.items():
            data, size = hashlib.sha256(), 0
            need(not os.path.isabs(name) and ".." not in name.split("/"), f"{plain(name)}: no name of a bundle")
            with open(os.path.join(place, name), "rb") as opened:
                while chunk := opened.read(1 << 20): data.update(chunk); size += len(chunk)
            need((data.hexdigest(), size) == (file["sha256"], file["bytes"]), f"{plain(name)}: it is not as it was packed")
    except FileNotFoundError as error: raise Wrong(f"{plain(error.filename)}: it is missing")
    except (ValueError, KeyError, TypeError, AttributeError): raise Wrong("manifest.json is broken")
    for folder in FOLDERS:
        for name in names(place, folder): need(f"{folder}/{name}" in files, f"{folder}/{plain(name)}: nobody packed it")
    return manifest, len(files)

def check_bundle(place, pinned):
    manifest, count = check_files(place)
    keys = Keys(place, pinned)
    signed = os.path.exists(os.path.join(place, "checkpoint"))
    need(signed or not pinned, "the bundle has no checkpoint that the key of --key could have signed")
    print("log        ", plain(manifest.get("origin")), plain(manifest.get("log_id")))
    handovers = f"{len(keys.spans) - 1} handovers"
    print("key        ", f"{'as pinned' if pinned else 'as packed'}, {handovers}" if keys.spans else "none")
    note, anchors = None, {}
    if signed:
        note = Note(content(place, "checkpoint"), "checkpoint")
        keys.check(note)
        need(note.origin == manifest.get("origin"), "the manifest names another log")
        print("checkpoint ", note.size, note.root)
    for name in names(place, "anchors"):
        need(note, "there are anchors, and no checkpoint")
        anchors[name] = Note(content(place, "anchors", name), f"anchors/{name}")
        keys.check(anchors[name])
        need(anchors[name].size <= note.size, f"anchors/{name}: it covers more than the checkpoint")
    proven = {}
    for name in names(place, "proofs"):
        seq, leaf, _ = check_proof(content(place, "proofs", name), f"proofs/{name}", keys)
        need(name == f"{seq}.tlog-proof", f"proofs/{name}: it is of entry {seq}")
        proven[seq] = leaf
    sizes = {anchor.size for anchor in anchors.values()} | ({note.size} if note else set())
    hashes, roots, first, last = check_segments(place, (proven, sizes))
    print("segments   ", f"entries {first} to {last}, chained")
    for seq, leaf in proven.items(): need(hashes.get(seq) == leaf, f"entry {seq} of the segments is not the proven one")
    print("proofs     ", len(proven))
    if note and note.size in roots: need(roots[note.size] == note.root, "the segments are not the signed tree")
    for name, anchor in anchors.items():
        if anchor.size in roots and (first == 0 or note.size in roots):
            need(roots[anchor.size] == anchor.root, f"anchors/{name}: it is of another tree")
    if anchors: print("anchors    ", len(anchors))
    vouched = note.size - 1 if note and note.size in roots else max(proven, default=-1)
    if note: print("signed     ", f"entries {first} to {vouched}" if vouched >= first else "none")
    print("files      ", count)
    return 0 if note else 3

def check_proofs(paths, pinned, show):
    keys = Keys(".", pinned)
    need(keys.spans, "there is no key: give --key VKEY, or work where vkeys.txt lies")
    for path in paths:
        seq, _, line = check_proof(content(path), path, keys)
        if show: print(json.dumps(json.loads(line), indent=2))  # in ASCII: no terminal obeys it
        print("entry", seq, "is in the signed tree")
    return 0

def check_lines(path):
    count = 0
    with open(path, "rb") as file:
        for line in file:
            need(line.endswith(b"\n"), f"{path}: its last line does not end")
            leaf_of(line[:-1], path)
            count += 1
    print(count, "lines, each of its own hash")
    return 0

def main(words):
    pinned = lines = None
    show, places, proofs = False, [], []
    words = list(words)
    while words:
        word = words.pop(0)
        if word == "--show": show = True
        elif word == "--key" and words: pinned = words.pop(0)
        elif word == "--proof" and words:
            while words and not words[0].startswith("--"): proofs.append(words.pop(0))
        elif word == "--lines" and words: lines = words.pop(0)
        elif word.startswith("--"): return print(__doc__, file=sys.stderr) or 2
        else: places.append(word)
    if len(places) + bool(proofs) + (lines is not None) != 1: return print(__doc__, file=sys.stderr) or 2
    try:
        if lines is not None: code = check_lines(lines)
        else: code = check_proofs(proofs, pinned, show) if proofs else check_bundle(places[0], pinned)
    except Wrong as error: code = print(f"{plain(error)}", file=sys.stderr) or 1
    except FileNotFoundError as error:
        return print("there is no", plain(error.filename or "openssl"), file=sys.stderr) or 5
    except OSError as error: return print(plain(error), file=sys.stderr) or 5
    except (ValueError, RecursionError) as error: code = print(f"broken: {plain(error)}", file=sys.stderr) or 1
    print({0: "OK", 1: "WRONG", 3: "UNSIGNED"}[code])
    return code


if __name__ == "__main__": sys.exit(main(sys.argv[1:]))
