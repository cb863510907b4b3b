// The process of a contestant: is sent names, and answers with the seconds that certificates for them took.
const { client, entry, pebble } = JSON.parse(process.argv[2]);
const { obtain, abandon } = await import(`./${client}.mjs`);

process.on('message', (names) => {
  obtain({ pebble, entry, names }).then(
    (seconds) => process.send({ seconds }),
    (error) => process.send({ error: error.message }),
  );
});
process.once('SIGTERM', () => {
  abandon?.();
  process.exit();
});
process.once('disconnect', () => process.exit());
