#!lua
-- Takes an idempotency key that is free, with the commit it is taken for; see claims.py.
--
-- KEYS  claim
-- ARGV  now, code, fingerprint, expires_at, id of the commit, the commit
-- Returns nothing when the key is taken now; else what holds it: {code, fingerprint, id, commit or nil}.
local now, id = tonumber(ARGV[1]), ARGV[5]
local held = redis.call('HMGET', KEYS[1], 'expires', 'code', 'fingerprint', 'id', 'commit')
if held[1] and tonumber(held[1]) > now and held[4] ~= id then
  return {held[2], held[3], held[4], held[5]}
end
redis.call('HSET', KEYS[1], 'code', ARGV[2], 'fingerprint', ARGV[3], 'expires', ARGV[4], 'id', id, 'commit', ARGV[6])
redis.call('PEXPIRE', KEYS[1], math.max(1, tonumber(ARGV[4]) - now))
return false
