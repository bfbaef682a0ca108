#!lua flags=allow-oom
-- Forgets a room and its log, and announces its last events, if the room is at the expected version: all or nothing.
-- It may run when memory is short: it makes room.
--
-- KEYS  room, log
-- ARGV  base, channel, code, expected version, event...
-- Returns {1, open rooms of the partition} when it is done; {0, version} on a conflict.
local room, log = KEYS[1], KEYS[2]
local base, channel, code, expected = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local first_event = 5

local stored = redis.call('HMGET', room, 'version', 'state', 'owner', 'seats', 'joined')
local version = tonumber(stored[1]) or 0
if version ~= expected then
  return {0, version}
end

if version > 0 then
  local state, owner = stored[2], stored[3]
  redis.call('DEL', room, log)
  redis.call('ZREM', base .. state, code)
  if owner ~= '' then
    redis.call('ZREM', base .. 'owner:' .. state .. ':' .. owner, code)
  end
  redis.call('ZREM', base .. 'due', code)
  redis.call('ZREM', base .. 'expiry', code)
  redis.call('SREM', base .. 'occupied', code)
  redis.call('HINCRBY', base .. 'totals', 'seats', 0 - tonumber(stored[4]))
  redis.call('HINCRBY', base .. 'totals', 'joined', 0 - tonumber(stored[5]))
end

local events = {}
for i = first_event, #ARGV do
  events[#events + 1] = ARGV[i]
end
redis.call('SPUBLISH', channel, '[' .. table.concat(events, ',') .. ']')
return {1, redis.call('ZCARD', base .. 'open')}
