// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
// Reads a JSON list of Kubernetes objects and checks each against the published schema of its kind, as
// the package kubernetes-models has it compiled. The schemas allow fields they do not know, which the
// API server would reject: a field that the check never asked for is such a one. Prints complaints, one a line.
"use strict";

// Remembers which properties of an object, and of all within, were asked for.
function watched(value, path, known) {
  if (value === null || typeof value !== "object") return value;
  const seen = new Set();
  known.push({ path, value, seen });
  const inner = new Map();
  return new Proxy(value, {
    get(target, key) {
      seen.add(String(key));
      if (!inner.has(key)) inner.set(key, watched(target[key], `${path}/${String(key)}`, known));
      return inner.get(key);
    },
  });
}

function check(object) {
  const where = `${object.kind} ${object.metadata && object.metadata.name}`;
  const kind = require(`kubernetes-models/${object.apiVersion}/${object.kind}`)[object.kind];
  const known = [];
  const complaints = [];
  const { kind: _kind, apiVersion: _version, ...rest } = object;
  const made = new kind(rest);
  try {
    Object.getPrototypeOf(made).validate.call(watched(made, "", known));
  } catch (e) {
    complaints.push(`${where}: ${e.message}`);
  }
  for (const { path, value, seen } of known)
    for (const key of Object.keys(value))
      if (!seen.has(key)) complaints.push(`${where}: ${path}/${key} is not in the schema`);
  return complaints;
}

const objects = JSON.parse(require("fs").readFileSync(0, "utf8"));
for (const line of objects.flatMap(check)) console.log(line);
