#!lua flags=no-writes
-- Counts of a partition.
--
-- KEYS  totals (any key of the partition: it says where to run)
-- ARGV  base, now
-- Returns {open, closed, expired, taken seats ever, taken seats now}; open rooms past their time count as expired and
-- empty.
local base, now = ARGV[1], ARGV[2]
local overdue, overdue_seats = redis.call('ZRANGEBYSCORE', base .. 'expiry', '-inf', now), 0
for _, code in ipairs(overdue) do
  overdue_seats = overdue_seats + (tonumber(redis.call('HGET', base .. 'room:' .. code, 'seats')) or 0)
end
local totals = redis.call('HMGET', base .. 'totals', 'joined', 'seats')
return {
  redis.call('ZCARD', base .. 'open') - #overdue,
  redis.call('ZCARD', base .. 'closed'),
  redis.call('ZCARD', base .. 'expired') + #overdue,
  tonumber(totals[1]) or 0,
  (tonumber(totals[2]) or 0) - overdue_seats,
}
