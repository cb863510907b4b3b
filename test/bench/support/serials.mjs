// The serial numbers by which benchmark certificates are told apart.

export function serialText(serial) {
  return serial.toString(16).padStart(8, '0');
}

/** The serial number of a node X509Certificate. */
export function serialOf({ serialNumber }) {
  return Number.parseInt(serialNumber, 16);
}
