// Logs with Debian's winston, the same into each folder of the command line.
//
// winston.js run FOLDER…      400 messages
// winston.js hangup FOLDER…   400 messages; prints "ready" and waits for SIGHUP; closes the files and
//                             opens them anew, which winston leaves to the program; 400 more

'use strict'

const fs = require('fs')
const path = require('path')
const { once } = require('events')
const { setTimeout: sleep } = require('timers/promises')
const winston = require('winston')

const [mode, ...folders] = process.argv.slice(2)
const open = () => winston.createLogger({
  format: winston.format.combine(winston.format.timestamp(), winston.format.json()),
  transports: folders.map((folder) =>
    new winston.transports.File({ filename: path.join(folder, 'winston.log') }))
})
let logger = open()

function burst (count, text) {
  for (let number = 0; number < count; number++) {
    logger.info(text, { number, word: 'ünïcödé' })
  }
}

// In the file and in those that it was renamed to.
const lineCount = (folder) => fs.readdirSync(folder)
  .filter((name) => name.startsWith('winston.log'))
  .map((name) => fs.readFileSync(path.join(folder, name), 'utf8').split('\n').length - 1)
  .reduce((sum, count) => sum + count, 0)

// winston says 'finish' before its files have everything, and opens them late.
async function written (count) {
  while (folders.some((folder) => lineCount(folder) < count)) {
    await sleep(20)
  }
}

async function main () {
  let count = lineCount(folders[0])
  burst(400, mode)
  count += 400
  if (mode === 'hangup') {
    const hangup = once(process, 'SIGHUP')
    const still = setInterval(() => {}, 1000)
    await written(count)
    console.log('ready')
    await hangup
    clearInterval(still)
    logger.end()
    logger = open()
    console.log('reopened')
    burst(400, 'after SIGHUP')
    count += 400
  }
  logger.end()
  await written(count)
}

main()
