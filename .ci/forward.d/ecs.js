// Validates lines of JSON as documents of ECS: each field is in Elastic's list or below one of
// ours, and has a value that its type can take.
const fs = require("fs");
const net = require("net");
const [, , library, path] = process.argv;
const { EcsFlat, EcsVersion } = require(library);

const OURS = ["huntress.", "labels."];
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/;
const TYPES = {
  keyword: (value) => typeof value === "string" && value !== "",
  wildcard: (value) => typeof value === "string" && value !== "",
  match_only_text: (value) => typeof value === "string" && value !== "",
  constant_keyword: (value) => typeof value === "string" && value !== "",
  date: (value) => TIME.test(value) && !Number.isNaN(Date.parse(value)),
  long: (value) => Number.isInteger(value),
  boolean: (value) => typeof value === "boolean",
  ip: (value) => typeof value === "string" && net.isIP(value) !== 0,
};

// The types that our own fields have had, which must not change.
const ours = new Map();

function* leaves(value, at = "") {
  for (const [key, inner] of Object.entries(value)) {
    const name = at + key;
    const isObject = inner !== null && typeof inner === "object" && !Array.isArray(inner);
    if (isObject) yield* leaves(inner, `${name}.`);
    else yield [name, inner];
  }
}

function* problems(event) {
  for (const [name, value] of leaves(event)) {
    const values = Array.isArray(value) ? value : [value];
    if (values.length === 0) yield `${name} is empty`;
    if (OURS.some((prefix) => name.startsWith(prefix))) {
      const type = typeof values[0];
      if (type === "object") yield `${name} is no plain value`;
      if (values.some((value) => typeof value !== type)) yield `${name} has two types`;
      if (ours.has(name) && ours.get(name) !== type) yield `${name} was ${ours.get(name)}`;
      ours.set(name, type);
      continue;
    }
    const field = EcsFlat[name];
    if (!field) {
      yield `there is no field ${name}`;
      continue;
    }
    const isArray = (field.normalize || []).includes("array");
    if (isArray !== Array.isArray(value)) yield `${name} is ${isArray ? "no" : "a"} list`;
    for (const value of values) {
      if (!TYPES[field.type](value)) yield `${name} is no ${field.type}: ${String(value).slice(0, 80)}`;
      if (field.pattern && !new RegExp(field.pattern).test(value)) yield `${name} is not of its pattern: ${value}`;
      const allowed = field.allowed_values?.map((allowed) => allowed.name);
      if (allowed && !allowed.includes(value)) yield `${name} may not be ${value}`;
    }
  }
  for (const category of event.event.category ?? []) {
    const allowed = EcsFlat["event.category"].allowed_values.find(({ name }) => name === category);
    for (const type of event.event.type) {
      if (!allowed?.expected_event_types?.includes(type)) yield `${category} with type ${type}`;
    }
  }
  if (event.ecs.version !== EcsVersion) yield `ecs.version is not ${EcsVersion}`;
}

const seen = {};
let wrong = 0;
const lines = fs.readFileSync(path, "utf8").split("\n").filter(Boolean);
lines.forEach((line, number) => {
  const event = JSON.parse(line);
  seen[event.event.dataset] = (seen[event.event.dataset] ?? 0) + 1;
  for (const problem of problems(event)) {
    wrong += 1;
    if (wrong <= 20) console.log(`line ${number + 1}, ${event.event.dataset}: ${problem}`);
  }
});
console.log(`ECS ${EcsVersion}: ${wrong} problems in ${JSON.stringify(seen)}`);
process.exit(wrong > 0 || Object.keys(seen).length !== 5 ? 1 : 0);
