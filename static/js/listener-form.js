// The health check of a listener: its usual times follow the protocol, and it says in words how soon
// a dead server is noticed with what stands in the form.

const read = (form, name) => {
  const text = form.elements[name]?.value ?? "";
  return /^[0-9]+$/.test(text) ? Number(text) : Number.NaN;
};

function tell(output) {
  const [interval, timeout, down, up] =
    ["check_interval_s", "check_timeout_s", "check_unhealthy_threshold", "check_healthy_threshold"].map((name) => read(output.form, name));
  const out = timeout * down + interval * (down - 1);
  const back = interval * (up - 1);
  output.value = Number.isNaN(out + back)
    ? "Enter whole numbers to see how soon a dead server is noticed."
    : `A server that hangs gets nothing new after ${out}\u00a0s at most, one that refuses connections after ${interval * (down - 1)}\u00a0s. ` +
      `A repaired one is back ${back}\u00a0s after its first good answer.`;
}

/** Put the usual number of the chosen protocol where that of another stands; what was typed stays. */
function follow(input, protocol) {
  const { usual, usualUdp } = input.dataset;
  const [mine, others] = protocol === "udp" ? [usualUdp, usual] : [usual, usualUdp];
  if (input.value === others) input.value = input.dataset.offered = mine;
}

document.querySelectorAll("input[data-usual-udp]").forEach((input) => {
  input.form.addEventListener("input", ({ target }) => {
    if (target.name === "protocol") follow(input, target.value);
  });
});

const outputs = document.querySelectorAll("output[data-detection]");
outputs.forEach((output) => {
  tell(output);
  output.form.addEventListener("input", () => tell(output));
});
