/* Refuses a change that takes an app above $50 a month. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "slugline.h"

#define CAP 5000 /* cents */

/*
 * The number behind a key of the request, which is JSON. The first such key is the request's own. A
 * text cannot be mistaken for a key, for quotes in it are written as \".
 */
static long long number(const char *json, const char *key) {
  const char *found = strstr(json, key);
  return found ? strtoll(found + strlen(key), NULL, 10) : 0;
}

static int32_t answer(const char *json, uint8_t **reply, size_t *reply_len) {
  *reply_len = strlen(json);
  *reply = malloc(*reply_len);
  if (*reply == NULL) {
    *reply_len = 0;
    return SLUGLINE_FAILED;
  }
  memcpy(*reply, json, *reply_len);
  return SLUGLINE_REPLIED;
}

static int32_t call(const slugline_host *host, const uint8_t *request, size_t request_len,
                    uint8_t **reply, size_t *reply_len) {
  (void)host;
  char *json = malloc(request_len + 1);
  if (json == NULL) {
    return SLUGLINE_FAILED;
  }
  memcpy(json, request, request_len);
  json[request_len] = '\0';
  long long before = number(json, "\"before\":");
  long long after = number(json, "\"after\":");
  free(json);
  if (after > CAP && after > before) {
    return answer("{\"reply\":\"denied\",\"value\":\"$50 a month is the most\"}", reply, reply_len);
  }
  return answer("{\"reply\":\"done\"}", reply, reply_len);
}

static void give_back(uint8_t *reply, size_t reply_len) {
  (void)reply_len;
  free(reply);
}

const slugline_table *slugline_plugin(void) {
  static const slugline_table table = {SLUGLINE_ABI, "{{name}}", call, give_back};
  return &table;
}
