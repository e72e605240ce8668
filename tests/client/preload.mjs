// Loaded into the client before its own code (NODE_OPTIONS=--import). Two things, and nothing of
// the client itself is changed:
//
// - Names: ANALYTICS_HOST is this machine, and no other name exists. The client refuses addresses
//   and localhost as endpoint, and weather services must not be called by a test.
// - A tap: what is posted to ANALYTICS_HOST and what came back is appended to TAP, one JSON line a
//   request, because the client itself ignores the body of an answer.
import dns from 'node:dns';
import fs from 'node:fs';
import https from 'node:https';
import { syncBuiltinESMExports } from 'node:module';

const host = process.env.ANALYTICS_HOST;

dns.lookup = (name, options, callback) => {
  const done = callback ?? options;
  const all = typeof options === 'object' && options?.all;
  if (name === host) {
    const found = { address: '127.0.0.1', family: 4 };
    process.nextTick(() => (all ? done(null, [found]) : done(null, found.address, found.family)));
    return;
  }
  const error = new Error(`getaddrinfo ENOTFOUND ${name}`);
  Object.assign(error, { code: 'ENOTFOUND', errno: -3008, syscall: 'getaddrinfo', hostname: name });
  process.nextTick(() => done(error));
};

const request = https.request;
https.request = (options, ...rest) => {
  const outgoing = request(options, ...rest);
  if (options?.hostname !== host) return outgoing;
  const sent = [];
  const write = outgoing.write;
  outgoing.write = (chunk, ...more) => {
    sent.push(Buffer.from(chunk));
    return write.call(outgoing, chunk, ...more);
  };
  const tap = (line) => {
    const body = Buffer.concat(sent).toString();
    fs.appendFileSync(process.env.TAP, `${JSON.stringify({ body, ...line })}\n`);
  };
  outgoing.on('error', (error) => tap({ error: error.message }));
  outgoing.on('response', (incoming) => {
    const { statusCode: status, httpVersion: version } = incoming;
    const parts = [];
    incoming.on('data', (part) => parts.push(part));
    incoming.on('end', () => tap({ status, version, answer: Buffer.concat(parts).toString() }));
  });
  return outgoing;
};
syncBuiltinESMExports();
