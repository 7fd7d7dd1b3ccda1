// Runs the client for Node (@alicloud/pop-core), unchanged: folder with node_modules, endpoint,
// key id, secret, method. A call a line comes in as JSON, and its answer goes out so.
const readline = require('readline');
const path = require('path');

const [folder, endpoint, accessKeyId, accessKeySecret, method] = process.argv.slice(2);
const { RPCClient } = require(path.join(folder, 'node_modules', '@alicloud', 'pop-core'));
const client = new RPCClient({
  endpoint: `http://${endpoint}`, apiVersion: '2014-05-15', accessKeyId, accessKeySecret,
});

async function call({ action, parameters }) {
  try {
    const given = { RegionId: 'cn-hangzhou', ...parameters };
    return { answer: await client.request(action, given, { method, timeout: 60000 }) };
  } catch (error) {
    if (!error.data) return { failed: String(error) };
    const { Code: code, Message: message } = error.data;
    const status = error.entry ? error.entry.response.statusCode : 0;
    return { refused: { status, code, message } };
  }
}

(async () => {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    process.stdout.write(`${JSON.stringify(await call(JSON.parse(line)))}\n`);
  }
})();
