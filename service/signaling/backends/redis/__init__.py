"""The store and broker of several nodes: Redis 7 or newer, or Valkey, alone or as a cluster.

**Partitions.** A script is the only thing Redis does atomically, and on a cluster it may only touch keys of
one hash slot. What must change together is therefore kept together: rooms are spread over PARTITIONS
partitions by their code, and everything a commit changes (the room, its log, its place in the lists, in the
due list and in the counts) has the partition's hash tag, as in ``sig:1:{a}:room:k3v9zq``. One commit is one
script in one slot: it is done whole or not at all, so no index is ever wrong, and nothing has to be repaired
after a crash. Questions about all rooms ask each partition and put the answers together.

The other way, a hash tag for each room and lists elsewhere, would make every list a copy that is written
after the commit: wrong for a while, and for ever if the node dies in between, unless somebody mends it.

**Claims.** An idempotency key's partition is seldom its room's. `claims` says how both change together.

**Retries.** Each commit has an id, which its events carry in the log. A commit whose reply was lost is sent
again: the version check keeps it from being done twice, and by the id it is known to have been done. See
`lane`.

**Announcements** are made by the same script, on a sharded channel in the same slot, so they reach whoever
listens in the order of the commits. See `line`.

**What a crash can take** is for the server's settings to say; `server` warns of those that lose
acknowledged commits.
"""
