#!lua
-- Stores a room, appends its events and announces them, if the room is at the expected version: all or nothing.
-- It refuses to start when memory is short, so it cannot stop half-way for that.
--
-- KEYS  room, log
-- ARGV  base, channel, code, id, expected version, log limit,
--       version, state, owner digest ("" for none), created_at, expires_at, due_at, seats, joined_total, body,
--       event...
-- Returns {1, open rooms of the partition} when it is done, now or before; {0, version} on a conflict.
local room, log = KEYS[1], KEYS[2]
local base, channel, code, id = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local expected, limit = tonumber(ARGV[5]), tonumber(ARGV[6])
local state, owner = ARGV[8], ARGV[9]
local created_at, expires_at, due_at = ARGV[10], ARGV[11], ARGV[12]
local seats, joined = tonumber(ARGV[13]), tonumber(ARGV[14])
local first_event = 16

local stored = redis.call('HMGET', room, 'version', 'state', 'owner', 'seats', 'joined')
local version = tonumber(stored[1]) or 0
if version ~= expected then
  if version > expected then
    -- Is what stands in its place this very commit, whose reply was lost?
    local entry = redis.call('LINDEX', log, expected - version)
    if entry and string.sub(entry, 1, #id) == id then
      return {1, redis.call('ZCARD', base .. 'open')}
    end
  end
  return {0, version}
end

redis.call('HSET', room, 'version', ARGV[7], 'state', state, 'owner', owner, 'seats', ARGV[13], 'joined', ARGV[14],
  'body', ARGV[15])
local events = {}
for i = first_event, #ARGV do
  events[#events + 1] = ARGV[i]
  redis.call('RPUSH', log, id .. ARGV[i])
end
redis.call('LTRIM', log, -limit, -1)

local state_before, owner_before = stored[2], stored[3]
if state_before ~= state or owner_before ~= owner then
  if state_before then
    redis.call('ZREM', base .. state_before, code)
    redis.call('ZREM', base .. 'owner:' .. state_before .. ':' .. owner_before, code)
  end
  redis.call('ZADD', base .. state, created_at, code)
  if owner ~= '' then
    redis.call('ZADD', base .. 'owner:' .. state .. ':' .. owner, created_at, code)
  end
end
redis.call('ZADD', base .. 'due', due_at, code)
if state == 'open' then
  redis.call('ZADD', base .. 'expiry', expires_at, code)
else
  redis.call('ZREM', base .. 'expiry', code)
end
local seats_before, joined_before = tonumber(stored[4]) or 0, tonumber(stored[5]) or 0
if seats ~= seats_before then
  redis.call('HINCRBY', base .. 'totals', 'seats', seats - seats_before)
  if seats == 0 then
    redis.call('SREM', base .. 'occupied', code)
  else
    redis.call('SADD', base .. 'occupied', code)
  end
end
if joined ~= joined_before then
  redis.call('HINCRBY', base .. 'totals', 'joined', joined - joined_before)
end

redis.call('SPUBLISH', channel, '[' .. table.concat(events, ',') .. ']')
return {1, redis.call('ZCARD', base .. 'open')}
