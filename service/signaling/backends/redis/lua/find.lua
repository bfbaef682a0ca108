#!lua flags=no-writes
-- The rooms of a partition that come first on a page, and how many match in all.
--
-- KEYS  open (any key of the partition: it says where to run)
-- ARGV  base, now, state ("" for any), owner digest ("" for any), how many,
--       created_at and code of the room to begin after ("" and "" for the first page)
-- Returns {total, code, created_at, code, created_at...}: of every list that matters so many as asked for; they are
-- not in order among lists.
local base, now, state, owner, wanted = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local after_time, after_code = tonumber(ARGV[6]), ARGV[7]

local function list(name)
  if owner == '' then
    return base .. name
  end
  return base .. 'owner:' .. name .. ':' .. owner
end

-- Byte by byte: Lua compares strings by the server's locale, sorted sets do not.
local function less(one, other)
  for i = 1, math.min(#one, #other) do
    local a, b = string.byte(one, i), string.byte(other, i)
    if a ~= b then
      return a < b
    end
  end
  return #one < #other
end

local function on_page(code, created_at)
  if not after_time then
    return true
  end
  created_at = tonumber(created_at)
  return created_at < after_time or (created_at == after_time and less(code, after_code))
end

-- Open, but past their time: shown as expired. Few, as the service expires them within seconds.
local overdue, overdue_count = {}, 0
if state == 'open' or state == 'expired' then
  for _, code in ipairs(redis.call('ZRANGEBYSCORE', base .. 'expiry', '-inf', now)) do
    local created_at = redis.call('ZSCORE', list('open'), code)
    if created_at then
      overdue[code] = created_at
      overdue_count = overdue_count + 1
    end
  end
end

local found = {0}
local function add(code, created_at)
  found[#found + 1] = code
  found[#found + 1] = created_at
end

local function walk(name, skipped)
  local added, offset = 0, 0
  while added < wanted do
    local chunk = redis.call('ZREVRANGEBYSCORE', list(name), ARGV[6] == '' and '+inf' or ARGV[6], '-inf', 'WITHSCORES',
      'LIMIT', offset, wanted)
    for i = 1, #chunk, 2 do
      if added < wanted and not skipped[chunk[i]] and on_page(chunk[i], chunk[i + 1]) then
        add(chunk[i], chunk[i + 1])
        added = added + 1
      end
    end
    if #chunk < 2 * wanted then
      return
    end
    offset = offset + wanted
  end
end

local total = 0
for _, name in ipairs({'open', 'closed', 'expired'}) do
  if state == '' or state == name then
    total = total + redis.call('ZCARD', list(name))
    walk(name, name == 'open' and overdue or {})
  end
end
if state == 'open' then
  total = total - overdue_count
elseif state == 'expired' then
  total = total + overdue_count
  for code, created_at in pairs(overdue) do
    if on_page(code, created_at) then
      add(code, created_at)
    end
  end
end
found[1] = total
return found
