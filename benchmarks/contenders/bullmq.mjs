// BullMQ: one worker with 50 slots and the retention that Atlas keeps; prints its figures as JSON.
import { Queue, Worker } from 'bullmq';

const jobs = Number(process.argv[2]);
const url = new URL(process.env.REDIS_URL);
const connection = {
  host: url.hostname, port: Number(url.port), db: Number(url.pathname.slice(1)), maxRetriesPerRequest: null,
};
const keep = { removeOnComplete: { age: 3600, count: 100 } };
const queue = new Queue('bench', { connection });
await queue.waitUntilReady();
const seconds = (since) => Number(process.hrtime.bigint() - since) / 1e9;

let started = process.hrtime.bigint();
for (let i = 0; i < jobs; i += 500) {
  await queue.addBulk(Array.from({ length: 500 }, (_, k) => ({ name: 'noop', data: { n: i + k }, opts: keep })));
}
const bulk = jobs / seconds(started);

const drain = (count) => new Promise((resolve) => {
  let done = 0;
  const since = process.hrtime.bigint();
  const worker = new Worker('bench', async () => ({ ok: 1 }), { connection, concurrency: 50 });
  worker.on('completed', () => {
    if (++done === count) resolve(worker.close().then(() => count / seconds(since)));
  });
});
const drained = await drain(jobs);

started = process.hrtime.bigint();
for (let i = 0; i < 3000; i += 1) await queue.add('noop', { n: i }, keep);
const single = 3000 / seconds(started);
await queue.close();
console.log(JSON.stringify({ drain_per_s: drained, bulk_per_s: bulk, single_per_s: single }));
process.exit(0);
