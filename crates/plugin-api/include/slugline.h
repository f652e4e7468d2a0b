/*
 * Slugline plugins as dynamic libraries, for C and all that speaks C.
 *
 * A library exports one function, slugline_plugin, that gives a table. Slugline loads the library
 * into a process of its own, looks at the table's version, and calls it with one request at a time,
 * always on the same thread. Requests, replies, questions and answers are JSON in UTF-8, without a
 * NUL at the end; docs/plugin-protocol.md shows one of each kind.
 *
 * The process can open no file, start no process and reach no network, and what it writes to
 * standard output goes nowhere. What it needs of the world it asks for with host->ask, and gets
 * where its plugin.yaml was granted it. Memory is freed by the side that made it.
 */
#ifndef SLUGLINE_H
#define SLUGLINE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of the tables below: the first field of each, looked at before any other. */
#define SLUGLINE_ABI 1

/* What call and ask return. */
#define SLUGLINE_REPLIED 0 /* the reply is JSON */
#define SLUGLINE_FAILED 1  /* the reply of call is a text: one line that says what failed */

/* What Slugline gives to a plugin with each call. */
typedef struct slugline_host {
  uint32_t abi;
  void *context; /* Slugline's own */
  /*
   * Asks for a service: {"service": "port", "question": "..."}. On SLUGLINE_REPLIED the answer is
   * at *answer: {"answer": "port", "value": 20000}, or {"answer": "refused", "value": "why"}. It is
   * Slugline's, and stays until the next question or the end of the call. Only the thread that was
   * called may ask.
   */
  int32_t (*ask)(const struct slugline_host *host, const uint8_t *question, size_t question_len,
                 const uint8_t **answer, size_t *answer_len);
} slugline_host;

/* What a plugin gives to Slugline. It lives as long as the library. */
typedef struct slugline_table {
  uint32_t abi;     /* SLUGLINE_ABI */
  const char *name; /* as in plugin.yaml */
  /*
   * Answers {"hook": "billing.check", "request": {...}, "settings": {...}}: writes where the reply
   * is and how long it is, such as {"reply": "done"} or {"reply": "denied", "value": "why"}. The
   * request is Slugline's, and is gone after the call. The reply is the plugin's, until it is given
   * back to free. A reply has 1 MB at most.
   */
  int32_t (*call)(const slugline_host *host, const uint8_t *request, size_t request_len,
                  uint8_t **reply, size_t *reply_len);
  /* Takes back what call wrote. */
  void (*free)(uint8_t *reply, size_t reply_len);
} slugline_table;

/* The one function that a plugin exports. */
const slugline_table *slugline_plugin(void);

#ifdef __cplusplus
}
#endif

#endif
