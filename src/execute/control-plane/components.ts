/**
 * The programs of a control plane and their flags: those of kubeadm v1.16's static pods
 * (cmd/kubeadm/app/phases/controlplane/manifests.go and etcd/local.go), for later releases with what
 * changed since. Differences have a comment.
 */
import { LOOPBACK } from "../../host/index.js";
import type { ControlPlaneLayout } from "./layout.js";

/** TCP ports of the loopback address; etcd's health is plain HTTP, all others are TLS. */
export interface ControlPlanePorts {
  readonly apiserver: number;
  readonly etcdClient: number;
  readonly etcdPeer: number;
  readonly etcdHealth: number;
  readonly controllerManager: number;
  readonly scheduler: number;
}

/** The programs in the order of their start; the end is in reverse. */
export const CONTROL_PLANE = [
  "etcd",
  "kube-apiserver",
  "kube-controller-manager",
  "kube-scheduler",
] as const;

/** From it on tokens of service accounts are signed by the apiserver, which has to be told the key. */
const ISSUER_SINCE = 20;
/** From it on there are no ports without TLS, nor flags to close them. */
const ONLY_SECURE_SINCE = 24;

export type ControlPlaneProgram = (typeof CONTROL_PLANE)[number];

export interface Component {
  readonly name: ControlPlaneProgram;
  readonly flags: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
  /** The URL that answers 200 when it is well. */
  readonly health: string;
}

/**
 * Everything of one control plane. `arch` is Go's word for what the programs are for, `minor` the
 * minor version of Kubernetes.
 */
export function controlPlane(
  layout: ControlPlaneLayout,
  ports: ControlPlanePorts,
  arch: string,
  minor: number,
): Component[] {
  return [
    etcd(layout, ports, arch),
    apiserver(layout, ports, minor),
    controllerManager(layout, ports, minor),
    scheduler(layout, ports, minor),
  ];
}

/** What clients of the API connect to. */
export function apiEndpoint(port: number): string {
  return `https://${LOOPBACK}:${port}`;
}

function etcd(layout: ControlPlaneLayout, ports: ControlPlanePorts, arch: string): Component {
  const client = `https://${LOOPBACK}:${ports.etcdClient}`;
  const peer = `https://${LOOPBACK}:${ports.etcdPeer}`;
  const health = `http://${LOOPBACK}:${ports.etcdHealth}`;
  const server = layout.certificate("etcd/server");
  const peerCertificate = layout.certificate("etcd/peer");
  const ca = layout.certificate("etcd/ca").crt;
  return {
    name: "etcd",
    flags: {
      name: "kmips",
      "data-dir": layout.data,
      "listen-client-urls": client,
      "advertise-client-urls": client,
      "listen-peer-urls": peer,
      "initial-advertise-peer-urls": peer,
      "initial-cluster": `kmips=${peer}`,
      "cert-file": server.crt,
      "key-file": server.key,
      "trusted-ca-file": ca,
      "client-cert-auth": "true",
      "peer-cert-file": peerCertificate.crt,
      "peer-key-file": peerCertificate.key,
      "peer-trusted-ca-file": ca,
      "peer-client-cert-auth": "true",
      "snapshot-count": "10000",
      "listen-metrics-urls": health,
    },
    // etcd refuses to start on a platform that upstream does not test.
    env: { ETCD_UNSUPPORTED_ARCH: arch },
    health: `${health}/health`,
  };
}

function apiserver(layout: ControlPlaneLayout, ports: ControlPlanePorts, minor: number): Component {
  const serving = layout.certificate("apiserver");
  const kubelet = layout.certificate("apiserver-kubelet-client");
  const proxy = layout.certificate("front-proxy-client");
  const etcdClient = layout.certificate("apiserver-etcd-client");
  return {
    name: "kube-apiserver",
    flags: {
      "advertise-address": LOOPBACK,
      "allow-privileged": "true",
      "authorization-mode": "Node,RBAC",
      // kubeadm's pod listens on every address.
      "bind-address": LOOPBACK,
      "client-ca-file": layout.certificate("ca").crt,
      "enable-admission-plugins": "NodeRestriction",
      "enable-bootstrap-token-auth": "true",
      // An endpoint may not be a loopback address, and nothing else leads here.
      "endpoint-reconciler-type": "none",
      "etcd-cafile": layout.certificate("etcd/ca").crt,
      "etcd-certfile": etcdClient.crt,
      "etcd-keyfile": etcdClient.key,
      "etcd-servers": `https://${LOOPBACK}:${ports.etcdClient}`,
      ...(minor < ONLY_SECURE_SINCE && { "insecure-port": "0" }),
      "kubelet-client-certificate": kubelet.crt,
      "kubelet-client-key": kubelet.key,
      "kubelet-preferred-address-types": "InternalIP,ExternalIP,Hostname",
      "proxy-client-cert-file": proxy.crt,
      "proxy-client-key-file": proxy.key,
      "requestheader-allowed-names": "front-proxy-client",
      "requestheader-client-ca-file": layout.certificate("front-proxy-ca").crt,
      "requestheader-extra-headers-prefix": "X-Remote-Extra-",
      "requestheader-group-headers": "X-Remote-Group",
      "requestheader-username-headers": "X-Remote-User",
      "secure-port": String(ports.apiserver),
      ...(minor >= ISSUER_SINCE && {
        "service-account-issuer": "https://kubernetes.default.svc.cluster.local",
        "service-account-signing-key-file": `${layout.certificates}/sa.key`,
      }),
      "service-account-key-file": `${layout.certificates}/sa.pub`,
      "service-cluster-ip-range": "10.96.0.0/12",
      "tls-cert-file": serving.crt,
      "tls-private-key-file": serving.key,
    },
    env: {},
    health: `${apiEndpoint(ports.apiserver)}/healthz`,
  };
}

function controllerManager(
  layout: ControlPlaneLayout,
  ports: ControlPlanePorts,
  minor: number,
): Component {
  const ca = layout.certificate("ca");
  return {
    name: "kube-controller-manager",
    flags: {
      ...delegated(layout, "controller-manager", ports.controllerManager, minor),
      "client-ca-file": ca.crt,
      "cluster-signing-cert-file": ca.crt,
      "cluster-signing-key-file": ca.key,
      controllers: "*,bootstrapsigner,tokencleaner",
      // It makes the directory when there is none, and by default that is one of the machine's own.
      "flex-volume-plugin-dir": layout.plugins,
      "requestheader-client-ca-file": layout.certificate("front-proxy-ca").crt,
      "root-ca-file": ca.crt,
      "service-account-private-key-file": `${layout.certificates}/sa.key`,
      "use-service-account-credentials": "true",
    },
    env: {},
    health: `https://${LOOPBACK}:${ports.controllerManager}/healthz`,
  };
}

function scheduler(layout: ControlPlaneLayout, ports: ControlPlanePorts, minor: number): Component {
  return {
    name: "kube-scheduler",
    flags: delegated(layout, "scheduler", ports.scheduler, minor),
    env: {},
    health: `https://${LOOPBACK}:${ports.scheduler}/healthz`,
  };
}

/** What both clients of the apiserver have in common. */
function delegated(
  layout: ControlPlaneLayout,
  user: string,
  port: number,
  minor: number,
): Readonly<Record<string, string>> {
  const kubeconfig = layout.kubeconfig(user);
  const serving = layout.certificate(user);
  return {
    "authentication-kubeconfig": kubeconfig,
    "authorization-kubeconfig": kubeconfig,
    "bind-address": LOOPBACK,
    kubeconfig,
    // There is only one, and a busy emulator would miss the deadlines of its lease and end.
    "leader-elect": "false",
    // Health on the secure port only; kubeadm leaves the other one open.
    ...(minor < ONLY_SECURE_SINCE && { port: "0" }),
    "secure-port": String(port),
    "tls-cert-file": serving.crt,
    "tls-private-key-file": serving.key,
  };
}

/** `--name=value` for each flag. */
export function flagArguments(flags: Readonly<Record<string, string>>): string[] {
  return Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
}
