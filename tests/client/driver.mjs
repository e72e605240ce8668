// Runs the published client as an MCP stdio server, once for every line of the plan, and calls each
// of its tools. Prints one JSON line a run: {"run","tools","calls","code","log"}.
//
//   node driver.mjs ENTRY SIDE_BY_SIDE < plan
//
// ENTRY is the client's program. A line of the plan is {"run": NAME, "env": {...}, "cwd": FOLDER}.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { ReadBuffer, serializeMessage } from '@modelcontextprotocol/sdk/shared/stdio.js';

const PLACE = { latitude: 47.6, longitude: -122.3 };
// A call for each tool. Saved locations stand on the disk, so these four succeed without a network;
// in the order of the list, so that what is read was saved before.
const CALLS = [
  ['get_weather_summary', PLACE],
  ['get_forecast', { ...PLACE, days: 3 }],
  ['get_current_conditions', PLACE],
  ['get_alerts', { ...PLACE, active_only: true }],
  ['get_historical_weather', { ...PLACE, start_date: '2024-01-01', end_date: '2024-01-02' }],
  ['check_service_status', {}],
  ['search_location', { query: 'Seattle', limit: 1 }],
  ['get_air_quality', PLACE],
  ['get_marine_conditions', PLACE],
  ['get_weather_imagery', { ...PLACE, type: 'radar' }],
  ['get_lightning_activity', PLACE],
  ['get_river_conditions', PLACE],
  ['get_wildfire_info', PLACE],
  ['save_location', { alias: 'home', name: 'Home', ...PLACE }],
  ['list_saved_locations', {}],
  ['get_saved_location', { alias: 'home' }],
  ['remove_saved_location', { alias: 'home' }],
  // Alike in everything that the lowest level sends: both must count.
  ['list_saved_locations', {}],
  // A mistake of the caller, which the client reports in its own class of errors.
  ['get_saved_location', { alias: 'nowhere' }],
  ['get_forecast', { latitude: 999, longitude: 0 }],
];

// The library's own transport ends a server by closing its input first; here SIGTERM must come
// first, because that is what makes the client send what it has.
class Stdio {
  #buffer = new ReadBuffer();

  constructor(child) {
    this.child = child;
  }

  async start() {
    this.child.stdout.on('data', (chunk) => {
      this.#buffer.append(chunk);
      for (let message; (message = this.#buffer.readMessage()) !== null; ) this.onmessage?.(message);
    });
    this.child.on('close', () => this.onclose?.());
  }

  async send(message) {
    this.child.stdin.write(serializeMessage(message));
  }

  async close() {}
}

async function run(entry, { run: name, env, cwd }) {
  const child = spawn(process.execPath, [entry], { env, cwd, stdio: 'pipe' });
  const log = [];
  child.stderr.on('data', (chunk) => log.push(chunk));
  const closed = once(child, 'close');
  const mcp = new Client({ name: 'published-client-test', version: '1.0.0' });
  await mcp.connect(new Stdio(child));
  const tools = (await mcp.listTools()).tools.map((tool) => tool.name);
  // The client works on calls side by side, as assistants make them; only saved locations have an
  // order.
  const call = async ([tool, args]) => {
    const result = await mcp.callTool({ name: tool, arguments: args }, undefined, { timeout: 90_000 });
    return [tool, result.isError ? 'error' : 'success'];
  };
  const saved = CALLS.filter(([tool]) => tool.endsWith('_location') && tool !== 'search_location');
  const rest = CALLS.filter((one) => !saved.includes(one));
  const inOrder = async () => {
    const done = [];
    for (const one of saved) done.push(await call(one));
    return done;
  };
  const calls = (await Promise.all([inOrder(), ...rest.map(async (one) => [await call(one)])])).flat();
  child.kill('SIGTERM');
  const [code, signal] = await closed;
  return { run: name, tools, calls, code: code ?? signal, log: Buffer.concat(log).toString() };
}

const [entry, sideBySide] = process.argv.slice(2);
const plan = [];
for await (const line of createInterface({ input: process.stdin })) plan.push(JSON.parse(line));
const worker = async () => {
  for (let next; (next = plan.shift()); ) console.log(JSON.stringify(await run(entry, next)));
};
await Promise.all(Array.from({ length: Number(sideBySide) }, worker));
