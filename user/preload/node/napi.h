/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * napi.h - the few functions of Node-API that memprof-node.c calls.
 *
 * Source: https://nodejs.org/api/n-api.html, whose ABI does not change: what is declared
 * here is in version 3 of it, Node 10.2 and later. Declared here so that no header of Node is
 * needed to build; tests/cli/test_preload.py compiles it together with Node's own.
 */
#ifndef MEMPROF_PRELOAD_NAPI_H
#define MEMPROF_PRELOAD_NAPI_H

#include <stddef.h>
#include <stdint.h>

typedef struct napi_env__ *napi_env;
typedef struct napi_value__ *napi_value;
typedef struct napi_callback_info__ *napi_callback_info;
typedef napi_value (*napi_callback)(napi_env env, napi_callback_info info);

/* All of them return napi_status, an enum of which 0 is success. */
int napi_create_function(napi_env env, const char *utf8name, size_t length, napi_callback cb,
			 void *data, napi_value *result);
int napi_set_named_property(napi_env env, napi_value object, const char *utf8name,
			    napi_value value);
int napi_get_cb_info(napi_env env, napi_callback_info info, size_t *argc, napi_value *argv,
		     napi_value *this_arg, void **data);
int napi_get_value_string_utf8(napi_env env, napi_value value, char *buf, size_t bufsize,
			       size_t *result);
int napi_get_typedarray_info(napi_env env, napi_value typedarray, int *type, size_t *length,
			     void **data, napi_value *arraybuffer, size_t *byte_offset);
int napi_create_int32(napi_env env, int32_t value, napi_value *result);
int napi_add_env_cleanup_hook(napi_env env, void (*fun)(void *arg), void *arg);

#define NAPI_FLOAT64_ARRAY 8 /* napi_typedarray_type */

#endif /* MEMPROF_PRELOAD_NAPI_H */
