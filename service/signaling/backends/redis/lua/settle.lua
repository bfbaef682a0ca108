#!lua flags=allow-oom
-- Ends what claim.lua began, if the key is still held for this commit: the commit was done, or it was refused.
--
-- KEYS  claim
-- ARGV  id of the commit, 1 if it was done
if redis.call('HGET', KEYS[1], 'id') == ARGV[1] then
  if ARGV[2] == '1' then
    redis.call('HDEL', KEYS[1], 'commit')
  else
    redis.call('DEL', KEYS[1])
  end
end
return false
