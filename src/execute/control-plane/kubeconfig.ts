/** The kubeconfig of a user of the control plane, whose certificate goes into it. */

export interface KubeconfigParts {
  /** `https://127.0.0.1:6443`. */
  readonly server: string;
  readonly user: string;
  /** PEM of the CA, of the user's certificate and of its key. */
  readonly ca: Buffer;
  readonly certificate: Buffer;
  readonly key: Buffer;
}

/** JSON, which every reader of YAML takes. */
export function kubeconfigText({ server, user, ca, certificate, key }: KubeconfigParts): string {
  const cluster = "kmips";
  const context = `${user}@${cluster}`;
  const document = {
    apiVersion: "v1",
    kind: "Config",
    clusters: [
      {
        name: cluster,
        cluster: { server, "certificate-authority-data": ca.toString("base64") },
      },
    ],
    users: [
      {
        name: user,
        user: {
          "client-certificate-data": certificate.toString("base64"),
          "client-key-data": key.toString("base64"),
        },
      },
    ],
    contexts: [{ name: context, context: { cluster, user } }],
    "current-context": context,
  };
  return `${JSON.stringify(document, undefined, 2)}\n`;
}
