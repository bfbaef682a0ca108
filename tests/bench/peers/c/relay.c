/* A signaling relay on epoll: about the least that one thread of one process can do for a frame.
 *
 * Not a service: it looks for the few fields it needs instead of parsing JSON, keeps no limits, trusts its clients and
 * knows no REST. It marks how far away the practical limit is. Each frame is written at once, by itself.
 *
 * usage: relay PORT
 */

#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define ID 8
#define READ_AT_ONCE 262144
#define BUCKETS 65536

typedef struct Room Room;

typedef struct {
  char *in, *out;
  size_t in_size, in_room, out_size, out_room;
  Room *room;
  size_t seat;
  int open; /* 0: before the handshake */
} Peer;

struct Room {
  char code[32];
  int *members;
  size_t count, space;
  Room *next;
};

static Peer *peers;
static size_t peer_limit;
static Room *rooms[BUCKETS];
static int poll_fd;
static char scratch[READ_AT_ONCE];

static void drop(int fd);

/* SHA-1 and base64 of the handshake (RFC 6455, 4.2.2) */

static uint32_t rotate(uint32_t value, int by) { return value << by | value >> (32 - by); }

static void sha1(const uint8_t *text, size_t length, uint8_t digest[20]) {
  uint32_t h[5] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
  uint8_t padded[192] = {0};
  size_t blocks = (length + 8) / 64 + 1;
  memcpy(padded, text, length);
  padded[length] = 0x80;
  for (int i = 0; i < 8; i++) padded[blocks * 64 - 1 - i] = (uint8_t)((uint64_t)length * 8 >> (8 * i));
  for (size_t block = 0; block < blocks; block++) {
    uint32_t w[80], a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
    const uint8_t *p = padded + block * 64;
    for (int i = 0; i < 16; i++, p += 4) w[i] = (uint32_t)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
    for (int i = 16; i < 80; i++) w[i] = rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    for (int i = 0; i < 80; i++) {
      uint32_t f = i < 20 ? (b & c) | (~b & d) : i < 40 ? b ^ c ^ d : i < 60 ? (b & c) | (b & d) | (c & d) : b ^ c ^ d;
      uint32_t k = i < 20 ? 0x5A827999 : i < 40 ? 0x6ED9EBA1 : i < 60 ? 0x8F1BBCDC : 0xCA62C1D6;
      uint32_t next = rotate(a, 5) + f + e + k + w[i];
      e = d, d = c, c = rotate(b, 30), b = a, a = next;
    }
    h[0] += a, h[1] += b, h[2] += c, h[3] += d, h[4] += e;
  }
  for (int i = 0; i < 20; i++) digest[i] = (uint8_t)(h[i / 4] >> (24 - 8 * (i % 4)));
}

static void base64(const uint8_t digest[20], char text[29]) {
  static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (int i = 0, at = 0; i < 20; i += 3) {
    uint32_t bits = (uint32_t)digest[i] << 16 | digest[i + 1] << 8 | (i + 2 < 20 ? digest[i + 2] : 0);
    for (int shift = 18; shift >= 0; shift -= 6) text[at++] = letters[bits >> shift & 63];
  }
  text[27] = '=';
  text[28] = 0;
}

/* Out */

static void await_writable(int fd, int wanted) {
  struct epoll_event event = {.events = EPOLLIN | (wanted ? EPOLLOUT : 0), .data.fd = fd};
  epoll_ctl(poll_fd, EPOLL_CTL_MOD, fd, &event);
}

static void grow(char **buffer, size_t *room, size_t needed) {
  if (needed <= *room) return;
  *room = needed * 2;
  *buffer = realloc(*buffer, *room);
  if (*buffer == NULL) abort();
}

static void put(int fd, const char *data, size_t size) {
  Peer *peer = &peers[fd];
  if (peer->out_size == 0) {
    ssize_t written = send(fd, data, size, MSG_NOSIGNAL);
    if (written == (ssize_t)size) return;
    if (written < 0 && errno != EAGAIN) return; /* Its end is read next. */
    if (written > 0) data += written, size -= (size_t)written;
    await_writable(fd, 1);
  }
  grow(&peer->out, &peer->out_room, peer->out_size + size);
  memcpy(peer->out + peer->out_size, data, size);
  peer->out_size += size;
}

static void put_frame(int fd, int first, const char *payload, size_t size) {
  static char frame[READ_AT_ONCE];
  size_t head = 2;
  frame[0] = (char)first;
  if (size < 126) {
    frame[1] = (char)size;
  } else {
    frame[1] = 126, frame[2] = (char)(size >> 8), frame[3] = (char)size;
    head = 4;
  }
  memcpy(frame + head, payload, size);
  put(fd, frame, head + size);
}

static void put_text(int fd, const char *text) { put_frame(fd, 0x81, text, strlen(text)); }

/* Rooms */

static Room *find_room(const char *code, size_t length) {
  uint32_t hash = 5381;
  for (size_t i = 0; i < length; i++) hash = hash * 33 + (uint8_t)code[i];
  Room **bucket = &rooms[hash % BUCKETS];
  for (Room *room = *bucket; room != NULL; room = room->next) {
    if (strlen(room->code) == length && memcmp(room->code, code, length) == 0) return room;
  }
  Room *room = calloc(1, sizeof *room);
  if (room == NULL) abort();
  memcpy(room->code, code, length);
  room->next = *bucket;
  return *bucket = room;
}

static void join(int fd, const char *code, size_t length) {
  Peer *peer = &peers[fd];
  Room *room = find_room(code, length);
  char text[16384];
  int at = snprintf(text, sizeof text, "{\"type\":\"room_joined\",\"payload\":{\"room_code\":\"%s\",\"participants\":[", room->code);
  for (size_t i = 0; i < room->count; i++) {
    at += snprintf(text + at, sizeof text - (size_t)at, "%s{\"socket_id\":\"%0*x\"}", i ? "," : "", ID, room->members[i]);
  }
  snprintf(text + at, sizeof text - (size_t)at, "]}}");
  put_text(fd, text);
  snprintf(text, sizeof text, "{\"type\":\"participant_joined\",\"payload\":{\"socket_id\":\"%0*x\"}}", ID, fd);
  for (size_t i = 0; i < room->count; i++) put_text(room->members[i], text);
  if (room->count == room->space) {
    room->space = room->space ? 2 * room->space : 4;
    room->members = realloc(room->members, room->space * sizeof *room->members);
    if (room->members == NULL) abort();
  }
  peer->room = room;
  peer->seat = room->count;
  room->members[room->count++] = fd;
}

static void leave(int fd) {
  Room *room = peers[fd].room;
  if (room == NULL) return;
  int last = room->members[--room->count];
  room->members[peers[fd].seat] = last;
  peers[last].seat = peers[fd].seat;
  peers[fd].room = NULL;
  char text[80];
  snprintf(text, sizeof text, "{\"type\":\"participant_left\",\"payload\":{\"socket_id\":\"%0*x\"}}", ID, fd);
  for (size_t i = 0; i < room->count; i++) put_text(room->members[i], text);
}

/* In */

static void message(int fd, char *text, size_t size) {
  char *to = memmem(text, size, "\"to\":\"", 6);
  if (to != NULL) {
    char id[ID + 1] = {0};
    memcpy(id, to + 6, ID);
    size_t target = strtoul(id, NULL, 16);
    if (target >= peer_limit || peers[target].room == NULL || peers[target].room != peers[fd].room) {
      put_text(fd, "{\"type\":\"error\",\"payload\":{\"code\":\"peer_not_found\",\"message\":\"No such peer\"}}");
      return;
    }
    static char out[READ_AT_ONCE];
    size_t before = (size_t)(to - text);
    memcpy(out, text, before);
    size_t at = before + (size_t)sprintf(out + before, "\"from\":\"%0*x\"", ID, fd);
    size_t rest = size - before - (6 + ID + 1);
    memcpy(out + at, to + 6 + ID + 1, rest);
    put_frame((int)target, 0x81, out, at + rest);
    return;
  }
  char *code = memmem(text, size, "\"room_code\":\"", 13);
  if (code != NULL) {
    char *end = memchr(code + 13, '"', size - (size_t)(code + 13 - text));
    if (end != NULL && end - code - 13 < 31) join(fd, code + 13, (size_t)(end - code - 13));
    return;
  }
  leave(fd);
}

/* What one frame takes of the buffer; 0: it is not whole; -1: the peer is gone. */
static long frame(int fd, char *data, size_t size) {
  if (size < 6) return 0;
  size_t length = (uint8_t)data[1] & 127, head = 6;
  if (length == 126) {
    if (size < 8) return 0;
    length = (size_t)(uint8_t)data[2] << 8 | (uint8_t)data[3];
    head = 8;
  } else if (length == 127) {
    drop(fd);
    return -1;
  }
  if (size < head + length) return 0;
  char *mask = data + head - 4, *payload = data + head;
  uint64_t wide;
  char twice[8];
  memcpy(twice, mask, 4), memcpy(twice + 4, mask, 4);
  memcpy(&wide, twice, 8);
  size_t i = 0;
  for (; i + 8 <= length; i += 8) {
    uint64_t part;
    memcpy(&part, payload + i, 8);
    part ^= wide;
    memcpy(payload + i, &part, 8);
  }
  for (; i < length; i++) payload[i] ^= mask[i & 3];
  switch (data[0] & 15) {
    case 1:
      message(fd, payload, length);
      break;
    case 8:
      put_frame(fd, 0x88, payload, length);
      drop(fd);
      return -1;
    case 9:
      put_frame(fd, 0x8A, payload, length);
      break;
  }
  return (long)(head + length);
}

static long handshake(int fd, char *data, size_t size) {
  char *end = memmem(data, size, "\r\n\r\n", 4);
  if (end == NULL) return 0;
  *end = 0;
  char *key = strcasestr(data, "\r\nsec-websocket-key: ");
  if (key == NULL) {
    const char ok[] = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    put(fd, ok, sizeof ok - 1);
    return end + 4 - data;
  }
  char joined[64];
  uint8_t digest[20];
  char accept[29], answer[160];
  snprintf(joined, sizeof joined, "%.24s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key + 21);
  sha1((uint8_t *)joined, strlen(joined), digest);
  base64(digest, accept);
  int length = snprintf(
      answer, sizeof answer,
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
      accept);
  put(fd, answer, (size_t)length);
  peers[fd].open = 1;
  char text[80];
  snprintf(text, sizeof text, "{\"type\":\"connected\",\"payload\":{\"socket_id\":\"%0*x\"}}", ID, fd);
  put_text(fd, text);
  return end + 4 - data;
}

static void take(int fd) {
  Peer *peer = &peers[fd];
  ssize_t got = recv(fd, scratch, sizeof scratch, 0);
  if (got <= 0) {
    if (got == 0 || errno != EAGAIN) drop(fd);
    return;
  }
  char *data = scratch;
  size_t size = (size_t)got, at = 0;
  if (peer->in_size > 0) {
    grow(&peer->in, &peer->in_room, peer->in_size + size);
    memcpy(peer->in + peer->in_size, scratch, size);
    data = peer->in;
    size += peer->in_size;
  }
  while (at < size) {
    long used = peer->open ? frame(fd, data + at, size - at) : handshake(fd, data + at, size - at);
    if (used < 0) return;
    if (used == 0) break;
    at += (size_t)used;
  }
  size_t rest = size - at;
  if (rest > 0) {
    if (data == scratch) grow(&peer->in, &peer->in_room, rest);
    memmove(peer->in, data + at, rest);
  }
  peer->in_size = rest;
}

static void drop(int fd) {
  leave(fd);
  free(peers[fd].in);
  free(peers[fd].out);
  memset(&peers[fd], 0, sizeof peers[fd]);
  close(fd);
}

static void flush(int fd) {
  Peer *peer = &peers[fd];
  ssize_t written = send(fd, peer->out, peer->out_size, MSG_NOSIGNAL);
  if (written <= 0) return;
  peer->out_size -= (size_t)written;
  memmove(peer->out, peer->out + written, peer->out_size);
  if (peer->out_size == 0) await_writable(fd, 0);
}

int main(int count, char **arguments) {
  if (count != 2) return 2;
  struct rlimit files;
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  peer_limit = files.rlim_cur > 1 << 20 ? 1 << 20 : files.rlim_cur;
  peers = calloc(peer_limit, sizeof *peers);
  int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(arguments[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (peers == NULL || bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096)) {
    perror("relay");
    return 1;
  }
  poll_fd = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[256];
  epoll_ctl(poll_fd, EPOLL_CTL_ADD, listener, &event);
  for (;;) {
    int ready = epoll_wait(poll_fd, events, 256, -1);
    for (int i = 0; i < ready; i++) {
      int fd = events[i].data.fd;
      if (fd == listener) {
        int accepted;
        while ((accepted = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
          setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
          event = (struct epoll_event){.events = EPOLLIN, .data.fd = accepted};
          epoll_ctl(poll_fd, EPOLL_CTL_ADD, accepted, &event);
        }
        continue;
      }
      if (events[i].events & EPOLLOUT) flush(fd);
      if (events[i].events & ~(uint32_t)EPOLLOUT) take(fd);
    }
  }
}
