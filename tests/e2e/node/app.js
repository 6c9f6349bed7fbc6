// Logs with pino and winston, the same into each folder of the command line.
//
// app.js run FOLDER…      400 messages
// app.js hangup FOLDER…   400 messages; prints "ready" and waits for SIGHUP; opens pino's files
//                         anew; prints "reopened"; 400 more

'use strict'

const path = require('path')
const { once } = require('events')
const pino = require('pino')
const winston = require('winston')

const [mode, ...folders] = process.argv.slice(2)
const inEach = (name, make) => folders.map((folder) => make(path.join(folder, name)))

// Every message at once, in one write.
const syncFiles = inEach('pino-sync.log', (dest) => pino.destination({ dest, sync: true }))
const syncLogger = pino({}, pino.multistream(syncFiles.map((stream) => ({ stream }))))

// Many messages in one write.
const asyncFiles = inEach('pino-async.log', (dest) =>
  pino.destination({ dest, sync: false, minLength: 4096 }))
const asyncLogger = pino({}, pino.multistream(asyncFiles.map((stream) => ({ stream }))))

// In a worker thread, as pino recommends.
const transport = pino.transport({
  targets: inEach('pino-transport.log', (destination) =>
    ({ target: 'pino/file', options: { destination } }))
})
const workerLogger = pino(transport)

const winstonLogger = winston.createLogger({
  format: winston.format.combine(winston.format.timestamp(), winston.format.json()),
  transports: inEach('winston.log', (filename) => new winston.transports.File({ filename }))
})

function burst (count, text) {
  for (let number = 0; number < count; number++) {
    syncLogger.info({ number }, text)
    asyncLogger.info({ number }, text)
    workerLogger.info({ number }, text)
    winstonLogger.info(text, { number, word: 'ünïcödé' })
  }
  syncLogger.error(new Error('on purpose'))
}

async function end () {
  for (const file of asyncFiles) {
    file.flushSync()
  }
  const finished = once(winstonLogger, 'finish')
  const closed = once(transport, 'close')
  winstonLogger.end()
  transport.end()
  await finished
  await closed
}

async function main () {
  await Promise.all([...syncFiles, ...asyncFiles].map((file) => once(file, 'ready')))
  burst(400, mode)
  if (mode === 'hangup') {
    const hangup = once(process, 'SIGHUP')
    const still = setInterval(() => {}, 1000)
    console.log('ready')
    await hangup
    clearInterval(still)
    for (const file of asyncFiles) {
      file.flushSync()
    }
    for (const file of [...syncFiles, ...asyncFiles]) {
      file.reopen()
    }
    await Promise.all([...syncFiles, ...asyncFiles].map((file) => once(file, 'ready')))
    console.log('reopened')
    burst(400, 'after SIGHUP')
  }
  await end()
}

main()
