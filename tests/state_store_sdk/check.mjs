// The official JavaScript SDK in HTTP mode against the sidecar simulator: what it thinks of our answers.
// Usage: node check.mjs PORT [STORE]
import assert from "node:assert/strict";
import { CommunicationProtocolEnum, DaprClient, StateConcurrencyEnum, StateConsistencyEnum } from "@dapr/dapr";

const [port, store = "statestore"] = process.argv.slice(2);
const client = new DaprClient({
  daprHost: "127.0.0.1",
  daprPort: port,
  communicationProtocol: CommunicationProtocolEnum.HTTP,
});
const state = client.state;
const url = `http://127.0.0.1:${port}/v1.0/state/${store}`;
const etagOf = async (key) => (await fetch(`${url}/${key}`)).headers.get("etag");

async function check(what, work) {
  await work();
  console.log(`ok: ${what}`);
}

// The SDK reports a refusal by the save's return value or by throwing, as its version pleases.
async function refused(work) {
  try {
    const answer = await work();
    return Boolean(answer && answer.error);
  } catch {
    return true;
  }
}

await check("save and get", async () => {
  const saved = await state.save(store, [
    { key: "cart-1", value: { items: [1, 2], name: "ä" } },
    { key: "cart-2", value: "plain" },
  ]);
  assert.equal(saved?.error, undefined);
  assert.deepEqual(await state.get(store, "cart-1"), { items: [1, 2], name: "ä" });
  assert.equal(await state.get(store, "cart-2"), "plain");
});

await check("a missing key", async () => {
  const missing = await state.get(store, "no-such-cart");
  assert.ok(missing === "" || missing === undefined || missing === null, JSON.stringify(missing));
});

await check("get of many", async () => {
  const many = await state.getBulk(store, ["cart-1", "no-such-cart", "cart-2"]);
  const byKey = new Map(many.map((item) => [item.key, item]));
  assert.deepEqual(byKey.get("cart-1").data, { items: [1, 2], name: "ä" });
  assert.equal(byKey.get("cart-2").data, "plain");
  assert.equal(byKey.get("no-such-cart").data, undefined);
  assert.ok(byKey.get("cart-1").etag);
});

await check("etag", async () => {
  const key = "guarded";
  const concurrency = StateConcurrencyEnum.CONCURRENCY_FIRST_WRITE;
  const options = { concurrency, consistency: StateConsistencyEnum.CONSISTENCY_STRONG };
  await state.save(store, [{ key, value: 1, options }]);
  const etag = await etagOf(key);
  const saved = await state.save(store, [{ key, value: 2, etag, options }]);
  assert.equal(saved?.error, undefined);
  assert.equal(await state.get(store, key), 2);
  assert.ok(await refused(() => state.save(store, [{ key, value: 3, etag, options }])), "a stale etag is refused");
  assert.ok(await refused(() => state.save(store, [{ key, value: 3, options }])), "a first-write over it is refused");
  assert.equal(await state.get(store, key), 2);
  assert.ok(await refused(() => state.delete(store, key, { etag, concurrency })), "nor deleted");
  assert.equal(await state.get(store, key), 2);
});

await check("delete", async () => {
  for (const key of ["cart-1", "cart-2", "guarded", "no-such-cart"]) {
    await state.delete(store, key);
    const gone = await fetch(`${url}/${key}`);
    assert.equal(gone.status, 204, key);
  }
});

await check("transaction", async () => {
  await state.transaction(store, [
    { operation: "upsert", request: { key: "t-1", value: "one" } },
    { operation: "delete", request: { key: "t-2" } },
  ]);
  assert.equal(await state.get(store, "t-1"), "one");
  await state.delete(store, "t-1");
});

await check("an unknown store", async () => {
  assert.ok(await refused(() => state.save("no-such-store", [{ key: "k", value: 1 }])));
});

await client.stop();
console.log("the SDK agrees with the simulator");
