// The child's side of children.mjs.

/** Answers calls of the parent's with these methods, until the parent is gone. */
export function answerCalls(methods) {
  process.on('message', ({ id, method, params }) => {
    Promise.resolve()
      .then(() => methods[method](params))
      .then(
        (result) => send({ id, result }),
        (error) => send({ id, error: error.stack }),
      );
  });
  process.on('disconnect', () => {
    process.exit();
  });
}

/** Tells the parent something it did not ask for. */
export function emitToParent(event, result) {
  send({ event, result });
}

function send(message) {
  if (process.connected) process.send(message);
}
