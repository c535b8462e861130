/**
 * The certificates of a control plane, named and filled in as kubeadm v1.16 does
 * (cmd/kubeadm/app/phases/certs), made by this machine's openssl.
 *
 * P-256 instead of kubeadm's RSA: an emulated server signs with it many times faster.
 */
import { createPrivateKey, X509Certificate } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { LOOPBACK } from "../../host/index.js";
import { NodeFailure } from "../../model/failure.js";
import type { ProcessRunner } from "../../model/ports.js";
import { lastLines } from "../excerpt.js";

/** The first address of kubeadm's range of services, which is the `kubernetes` Service's own. */
const SERVICE_ADDRESS = "10.96.0.1";
const CA_DAYS = 3650;
const LEAF_DAYS = 365;
/** Certificates that end sooner are made again. */
const RENEW_DAYS = 30;
const DAY_MS = 86_400_000;
const OPENSSL_TIMEOUT_MS = 60_000;
const MASTERS = "system:masters";

interface Certificate {
  /** File below the directory, without `.crt` and `.key`. */
  readonly name: string;
  readonly commonName: string;
  readonly organization?: string;
  /** Name of the certificate that signs it; itself a CA without one. */
  readonly signer?: string;
  readonly usages?: readonly ("serverAuth" | "clientAuth")[];
  /** Subject alternative names as openssl writes them. */
  readonly names?: readonly string[];
}

const LOCAL = ["DNS:localhost", `IP:${LOOPBACK}`];
const CLIENT = ["clientAuth"] as const;
const BOTH = ["serverAuth", "clientAuth"] as const;

/** Signers before what they sign. */
const CERTIFICATES: readonly Certificate[] = [
  { name: "ca", commonName: "kubernetes" },
  {
    name: "apiserver",
    commonName: "kube-apiserver",
    signer: "ca",
    usages: ["serverAuth"],
    names: [
      ...LOCAL,
      "DNS:kubernetes",
      "DNS:kubernetes.default",
      "DNS:kubernetes.default.svc",
      "DNS:kubernetes.default.svc.cluster.local",
      `IP:${SERVICE_ADDRESS}`,
    ],
  },
  {
    name: "apiserver-kubelet-client",
    commonName: "kube-apiserver-kubelet-client",
    organization: MASTERS,
    signer: "ca",
    usages: CLIENT,
  },
  {
    name: "admin",
    commonName: "kubernetes-admin",
    organization: MASTERS,
    signer: "ca",
    usages: CLIENT,
  },
  // These two also serve their health: kubeadm lets them sign for themselves, which nobody can check.
  {
    name: "controller-manager",
    commonName: "system:kube-controller-manager",
    signer: "ca",
    usages: BOTH,
    names: LOCAL,
  },
  {
    name: "scheduler",
    commonName: "system:kube-scheduler",
    signer: "ca",
    usages: BOTH,
    names: LOCAL,
  },
  { name: "front-proxy-ca", commonName: "front-proxy-ca" },
  {
    name: "front-proxy-client",
    commonName: "front-proxy-client",
    signer: "front-proxy-ca",
    usages: CLIENT,
  },
  { name: "etcd/ca", commonName: "etcd-ca" },
  { name: "etcd/server", commonName: "kmips", signer: "etcd/ca", usages: BOTH, names: LOCAL },
  { name: "etcd/peer", commonName: "kmips", signer: "etcd/ca", usages: BOTH, names: LOCAL },
  {
    name: "apiserver-etcd-client",
    commonName: "kube-apiserver-etcd-client",
    organization: MASTERS,
    signer: "etcd/ca",
    usages: CLIENT,
  },
];

export interface CertificateOptions {
  /** Path of openssl. */
  readonly openssl: string;
  readonly processes: ProcessRunner;
  readonly signal: AbortSignal;
}

/**
 * Makes in `directory` whatever is missing or ends soon. The key of service accounts stays as it is
 * for as long as it is there: tokens in the database are signed with it.
 * @throws NodeFailure when openssl says no
 */
export async function makeCertificates(
  directory: string,
  options: CertificateOptions,
): Promise<void> {
  const bases = CERTIFICATES.map(({ name }) => join(directory, name));
  if (!bases.every(isFresh)) {
    // All are gone before the first is made again: when this is cut, what is there by then is not
    // taken for whole, although a new CA stands beside certificates of the old one.
    for (const base of bases) rmSync(`${base}.crt`, { force: true });
    for (const certificate of CERTIFICATES) await make(directory, certificate, options);
  }
  const [key, pub] = [join(directory, "sa.key"), join(directory, "sa.pub")];
  if (!existsSync(key)) {
    rmSync(pub, { force: true });
    await makeFile(key, (out) => openssl(["genrsa", "-out", out, "2048"], options));
  }
  if (!existsSync(pub))
    await makeFile(pub, (out) => openssl(["rsa", "-in", key, "-pubout", "-out", out], options));
}

/** Whether a certificate has long to go and has its key; one that cannot be read is made again. */
function isFresh(base: string): boolean {
  try {
    const certificate = new X509Certificate(readFileSync(`${base}.crt`));
    const key = createPrivateKey(readFileSync(`${base}.key`));
    const leftMs = Date.parse(certificate.validTo) - Date.now();
    return leftMs > RENEW_DAYS * DAY_MS && certificate.checkPrivateKey(key);
  } catch {
    return false;
  }
}

/** Gives a file its name once it is whole: openssl opens what it writes before it has anything. */
async function makeFile(path: string, write: (out: string) => Promise<void>): Promise<void> {
  const temporary = `${path}.new`;
  await write(temporary);
  renameSync(temporary, path);
}

async function make(
  directory: string,
  certificate: Certificate,
  options: CertificateOptions,
): Promise<void> {
  const base = join(directory, certificate.name);
  mkdirSync(dirname(base), { recursive: true, mode: 0o700 });
  const configuration = `${base}.cnf`;
  writeFileSync(configuration, opensslConfiguration(certificate));
  const { signer } = certificate;
  const [key, crt] = [`${base}.key`, `${base}.crt`];
  const by =
    signer === undefined
      ? []
      : ["-CA", join(directory, `${signer}.crt`), "-CAkey", join(directory, `${signer}.key`)];
  await openssl(
    [
      ...["req", "-x509", "-new", "-nodes", "-sha256", "-config", configuration],
      ...["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
      ...["-days", String(signer === undefined ? CA_DAYS : LEAF_DAYS)],
      ...["-keyout", key, "-out", crt, ...by],
    ],
    options,
  );
  rmSync(configuration);
}

function opensslConfiguration(certificate: Certificate): string {
  const { commonName, organization, signer, usages = [], names = [] } = certificate;
  return [
    "[req]",
    "prompt = no",
    "distinguished_name = subject",
    "x509_extensions = extensions",
    "[subject]",
    ...(organization === undefined ? [] : [`O = ${organization}`]),
    `CN = ${commonName}`,
    "[extensions]",
    ...(signer === undefined
      ? [
          "basicConstraints = critical, CA:TRUE",
          "keyUsage = critical, digitalSignature, keyEncipherment, keyCertSign",
          "subjectKeyIdentifier = hash",
        ]
      : [
          "basicConstraints = critical, CA:FALSE",
          "keyUsage = critical, digitalSignature, keyEncipherment",
          `extendedKeyUsage = ${usages.join(", ")}`,
          "authorityKeyIdentifier = keyid",
        ]),
    ...(names.length === 0 ? [] : [`subjectAltName = ${names.join(", ")}`]),
    "",
  ].join("\n");
}

async function openssl(args: readonly string[], options: CertificateOptions): Promise<void> {
  const { processes, signal } = options;
  const result = await processes.run({
    argv: [options.openssl, ...args],
    env: { LC_ALL: "C" },
    timeoutMs: OPENSSL_TIMEOUT_MS,
    signal,
  });
  if (signal.aborted) throw new NodeFailure({ type: "interrupted" });
  if (result.code === 0) return;
  const exit = result.killedBy ?? `exit ${String(result.code)}`;
  throw new NodeFailure(
    { type: "command", what: "openssl", exit, excerpt: lastLines(result.stderr, 10) },
    "kmips wants openssl 3 as Debian 12 has it",
  );
}
