// Paints with HuggingFace's own client, its hosts turned to the sandbox: node paint.js URL PROVIDER MODEL IDEA
import { InferenceClient } from "@huggingface/inference";

const [sandbox, provider, model, idea] = process.argv.slice(2);
const places = {
  "https://huggingface.co/": `${sandbox}/hub/`,
  "https://router.huggingface.co/": `${sandbox}/router/`,
};
const fetchAnywhere = globalThis.fetch;
const toTheSandbox = (address, init) => {
  let url = String(address);
  for (const [host, place] of Object.entries(places)) url = url.replace(host, place);
  return fetchAnywhere(url, init);
};
// While it waits for a queue, the client calls the global function, whatever it was given.
globalThis.fetch = toTheSandbox;

// Its pauses between two looks don't keep the program running.
const alive = setInterval(() => {}, 1000);
const client = new InferenceClient("hf_javascriptjavascriptjavascript", { fetch: toTheSandbox });
const picture = await client.textToImage({ provider, model, inputs: idea, parameters: { seed: 7 } }, { outputType: "blob" });
process.stdout.write(Buffer.from(await picture.arrayBuffer()));
clearInterval(alive);
