/**
 * How large tiles are, so that the pictures fill the room there is.
 */

/**
 * @typedef {object} Grid
 * @property {number} columns
 * @property {number} width of one tile, in CSS pixels
 * @property {number} height of one tile
 */

/** A tile may be as wide as a picture and as narrow as a square; cutting more would cut faces. */
const WIDEST = 16 / 9;
const NARROWEST = 1;

/** A tile smaller than this is no use; then the stage scrolls. */
const LEAST = { width: 150, height: 100 };

/**
 * The grid that shows most of `count` pictures in a space of `width` by `height`.
 *
 * @param {number} count
 * @param {number} width
 * @param {number} height
 * @param {number} gap between tiles
 * @returns {Grid}
 */
export function bestGrid(count, width, height, gap) {
  const mostColumns = Math.max(1, Math.min(count, Math.floor((width + gap) / (LEAST.width + gap))));
  let best = { columns: 1, width: 0, height: 0 };
  let bestWorth = 0;
  for (let columns = 1; columns <= mostColumns; columns += 1) {
    const rows = Math.ceil(count / columns);
    const cellWidth = (width - gap * (columns - 1)) / columns;
    const cellHeight = (height - gap * (rows - 1)) / rows;
    const tileWidth = Math.min(cellWidth, cellHeight * WIDEST);
    const tileHeight = Math.min(cellHeight, tileWidth / NARROWEST);
    // Large is good, but a large tile that shows only the middle of a picture is worth less.
    const worth = tileWidth * tileHeight * Math.sqrt(tileWidth / tileHeight);
    if (tileWidth >= LEAST.width && tileHeight >= LEAST.height && worth > bestWorth) {
      best = { columns, width: Math.floor(tileWidth), height: Math.floor(tileHeight) };
      bestWorth = worth;
    }
  }
  if (best.width) return best;
  const columns = Math.max(1, Math.min(mostColumns, Math.floor((width + gap) / (2 * LEAST.width + gap)) + 1));
  const tileWidth = Math.floor((width - gap * (columns - 1)) / columns);
  return { columns, width: tileWidth, height: Math.floor(tileWidth / WIDEST) };
}
