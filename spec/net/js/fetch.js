// fetch.js - a file from a trustless gateway by JavaScript's own IPFS libraries, each block checked. None of our code.
// usage: node fetch.js http://HOST:PORT CID car|raw      prints: BLOCKS BYTES SHA-256
import { createHash } from 'node:crypto'
import { CarBlockIterator } from '@ipld/car'
import { exporter } from 'ipfs-unixfs-exporter'
import { CID } from 'multiformats/cid'
import { equals } from 'multiformats/bytes'
import { sha256 } from 'multiformats/hashes/sha2'

const [base, root, way] = process.argv.slice(2)
let blocks = 0

async function ask (cid, format) {
  const answer = await fetch(`${base}/ipfs/${cid}?format=${format}`, {
    headers: { accept: `application/vnd.ipld.${format}` }
  })
  if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`)
  return answer
}

async function checked (cid, bytes) {
  const digest = await sha256.digest(bytes)
  if (!equals(digest.bytes, cid.multihash.bytes)) throw new Error(`a block that is not ${cid}`)
  blocks++
  return bytes
}

async function fromCar () {
  const answer = await ask(root, 'car')
  const held = new Map()
  const iterator = await CarBlockIterator.fromIterable(answer.body)
  const roots = await iterator.getRoots()
  if (roots.length !== 1 || roots[0].toString() !== root) throw new Error(`roots: ${roots}`)
  for await (const { cid, bytes } of iterator) held.set(cid.toString(), await checked(cid, bytes))
  return async cid => held.get(cid.toString()) ?? Promise.reject(new Error(`${cid} is not in the CAR`))
}

async function fromBlocks () {
  return async cid => checked(cid, new Uint8Array(await (await ask(cid, 'raw')).arrayBuffer()))
}

const get = await (way === 'car' ? fromCar() : fromBlocks())
const entry = await exporter(CID.parse(root), { get: async function * (cid) { yield await get(cid) } })
const hash = createHash('sha256')
let size = 0
for await (const part of entry.content()) {
  hash.update(part)
  size += part.length
}
console.log(blocks, size, hash.digest('hex'))
