// Writes each GELF message that comes by UDP to a file: `node gelf_server.js PORT FILE`.
const fs = require('fs')
const [port, file] = process.argv.slice(2)
const server = require('graygelf/server')()
server.on('message', (message) => fs.appendFileSync(file, JSON.stringify(message) + '\n'))
server.on('error', (error) => console.error(error))
server.listen(Number(port), '127.0.0.1')
// The sign that it listens.
server._udp.on('listening', () => fs.appendFileSync(file, ''))
