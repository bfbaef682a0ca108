// PeerJS server as its package makes it. Its limits are raised to what the idle sockets of the benchmark need.

const { PeerServer } = require("peer");

PeerServer({
  port: Number(process.argv[2]),
  host: "127.0.0.1",
  path: "/",
  alive_timeout: 3_600_000,
  concurrent_limit: 100_000,
});
