#!lua
-- Renews a node's lease by the server's clock.
-- KEYS: the nodes. ARGV: node, milliseconds.
-- Returns 1 if the node was not in the list, 0 if it was.
local now = redis.call('TIME')
local ends = now[1] * 1000 + math.floor(now[2] / 1000) + ARGV[2]
return redis.call('ZADD', KEYS[1], ends, ARGV[1])
