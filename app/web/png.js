// The text in a PNG: the recipe of a picture of ours.

/** Keyword -> value; null for what is no PNG. */
export async function pngText(blob) {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  const view = new DataView(bytes.buffer);
  if (bytes.length < 8 || view.getUint32(0) !== 0x89504e47) return null;
  const text = {};
  for (let at = 8; at + 12 <= bytes.length;) {
    const size = view.getUint32(at);
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    const data = bytes.subarray(at + 8, Math.min(at + 8 + size, bytes.length));
    const zero = data.indexOf(0);
    if (type === 'tEXt' && zero > 0)
      text[latin(data.subarray(0, zero))] = latin(data.subarray(zero + 1));
    if (type === 'iTXt' && zero > 0 && data[zero + 1] === 0) {  // not compressed
      const language = data.indexOf(0, zero + 3);
      const start = data.indexOf(0, language + 1) + 1;
      text[latin(data.subarray(0, zero))] = new TextDecoder().decode(data.subarray(start));
    }
    at += 12 + size;
  }
  return text;
}

const latin = (bytes) => Array.from(bytes, (byte) => String.fromCharCode(byte)).join('');

/** Whether it is the recipe of a picture that ddim made. */
export const isRecipe = (text) => text !== null && 'model_hash' in text && 'seed' in text;

/** Whether the seed decides the picture: not where its noise is a code, or lies between others. */
export const isOfSeed = (recipe) => 'seed' in recipe && (recipe.x_T ?? 'drawn') === 'drawn' && !recipe.endpoints;
