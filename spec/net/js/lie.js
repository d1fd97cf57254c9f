// lie.js - serves one file as the answer to everything, and lets fetch.js ask it. For negative controls.
// usage: node lie.js FETCH.JS FILE CID
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'

const [program, file, cid] = process.argv.slice(2)
const bytes = readFileSync(file)
const server = createServer((request, answer) => answer.end(bytes))
server.listen(0, '127.0.0.1', () => {
  const base = `http://127.0.0.1:${server.address().port}`
  const child = spawn(process.execPath, [program, base, cid, 'car'], { stdio: 'inherit' })
  child.on('exit', code => { server.close(); server.closeAllConnections(); process.exitCode = code })
})
