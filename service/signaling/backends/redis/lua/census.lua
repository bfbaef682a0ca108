#!lua
-- The nodes whose leases run, and those whose are over.
-- KEYS: the nodes.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
return {
  redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. now, '+inf'),
  redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now),
}
