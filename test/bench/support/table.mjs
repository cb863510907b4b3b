// Text tables and numbers for people.

/** Prints rows (the first is the heading) in aligned columns; the first column is left-aligned. */
export function printTable(rows) {
  const texts = rows.map((row) => row.map((cell) => String(cell ?? '')));
  const widths = texts[0].map((_, column) => Math.max(...texts.map((row) => row[column].length)));
  texts.forEach((row, index) => {
    const cells = row.map((text, column) =>
      column === 0 ? text.padEnd(widths[column]) : text.padStart(widths[column]),
    );
    console.log(`  ${cells.join('  ').trimEnd()}`);
    if (index === 0) console.log(`  ${widths.map((width) => '-'.repeat(width)).join('  ')}`);
  });
}

export function ratio({ median, q1, q3 }) {
  return `${median.toFixed(3)} (${q1.toFixed(3)}-${q3.toFixed(3)})`;
}

export function milliseconds(value) {
  return `${value.toFixed(value < 10 ? 2 : 1)} ms`;
}

export function microseconds(value) {
  return `${value.toFixed(0)} us`;
}

export function percent(share) {
  return `${(share * 100).toFixed(share === 1 ? 0 : 2)} %`;
}
