/** A proof is checked by others' programs: the path by Python's hashlib, the signature by openssl. */
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { writeTlogProof } from '../../../evidence/proof/tlog-proof.ts'
import { begin, proof } from './proving.ts'

/** Walks from the leaf to the root as RFC 9162 says; writes what was signed, and by whom. */
const program = `
import base64, hashlib, sys
proof, line, vkey, folder = sys.argv[1:]
sha = lambda *parts: hashlib.sha256(b"".join(parts)).digest()
head, note = open(proof, encoding="utf-8").read().split("\\n\\n", 1)
lines = head.split("\\n")
assert lines[0] == "c2sp.org/tlog-proof@v1"
if lines[1].startswith("extra "): del lines[1]
index = int(lines[1].removeprefix("index "))
text, signatures = note.split("\\n\\n", 1)
origin, size, root = text.split("\\n")[:3]
reached = sha(b"\\0", open(line, "rb").read().rstrip(b"\\n")[:-75] + b"}")
at, last = index, int(size) - 1
for one in map(base64.b64decode, lines[2:]):
    assert last > 0
    if at & 1 or at == last:
        reached = sha(b"\\1", one, reached)
        while at and not at & 1: at, last = at >> 1, last >> 1
    else:
        reached = sha(b"\\1", reached, one)
    at, last = at >> 1, last >> 1
assert last == 0 and reached == base64.b64decode(root), "another root"
name, key_id, key = vkey.split("+", 2)
key = base64.b64decode(key)
assert key[0] == 1 and sha(name.encode(), b"\\n", key)[:4].hex() == key_id
signature = base64.b64decode(signatures.split("\\n")[0].split(" ")[2])
assert signature[:4].hex() == key_id
open(folder + "/text", "wb").write(text.encode() + b"\\n")
open(folder + "/signature", "wb").write(signature[4:])
open(folder + "/key.der", "wb").write(bytes.fromhex("302a300506032b6570032100") + key[1:])
`

const isHere = (name: string): boolean => spawnSync(name, ['--help']).error === undefined
const missing = ['python3', 'openssl'].filter((name) => !isHere(name))

const skip = missing.length > 0 ? `there is no ${missing.join(' and no ')} here` : false

test('Python and openssl agree with a proof, and disagree with a changed one', {
  skip,
}, async (t) => {
  const ledger = begin(t, { rotate: true })
  const at = (name: string): string => join(ledger.data, name)
  const run = (vkey: string): number | null =>
    spawnSync('python3', ['-c', program, at('proof'), at('line'), vkey, ledger.data]).status
  const signed = (): number | null => {
    const key = ['-pubin', '-inkey', at('key.der'), '-keyform', 'DER', '-rawin']
    const given = ['-sigfile', at('signature'), '-in', at('text')]
    return spawnSync('openssl', ['pkeyutl', '-verify', ...key, ...given]).status
  }
  const vkey = ledger.vkeys.at(-1) ?? ''
  for (const seq of [0, 1, 255, 256, 447, 499]) {
    writeFileSync(at('proof'), writeTlogProof((await proof(ledger, seq)).proof))
    writeFileSync(at('line'), `${ledger.lines[seq]}\n`)
    t.equal(run(vkey), 0, `Python walks from entry ${seq} to the root`)
    t.equal(signed(), 0, 'openssl verifies the signature')
  }
  writeFileSync(at('line'), `${ledger.lines[3]}\n`)
  t.not(run(vkey), 0, 'the line of another entry')
  writeFileSync(at('text'), 'another text\n')
  t.not(signed(), 0, 'another text')
})
