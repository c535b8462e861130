/** Where a control plane keeps what: every path below its directory. */
import { join } from "node:path";

/** The files of one control plane; nothing of it is anywhere else. */
export class ControlPlaneLayout {
  readonly root: string;
  /** Programs, copied out of the store. */
  readonly programs: string;
  readonly certificates: string;
  /** etcd's database. */
  readonly data: string;
  readonly logs: string;
  readonly temporary: string;
  /** Of volumes; stays empty. */
  readonly plugins: string;
  /** What runs now; absent when nothing does. */
  readonly state: string;
  readonly lock: string;
  /** What the conformance specs left: results, `e2e.log`, `junit_01.xml`. */
  readonly conformance: string;

  constructor(root: string) {
    this.root = root;
    this.programs = join(root, "bin");
    this.certificates = join(root, "pki");
    this.data = join(root, "etcd");
    this.logs = join(root, "logs");
    this.temporary = join(root, "tmp");
    this.plugins = join(root, "plugins");
    this.state = join(root, "control-plane.json");
    this.lock = join(root, "lock");
    this.conformance = join(root, "conformance");
  }

  /** `name` as in the certificates: `etcd/server`. */
  certificate(name: string): { readonly crt: string; readonly key: string } {
    const base = join(this.certificates, name);
    return { crt: `${base}.crt`, key: `${base}.key` };
  }

  /** The kubeconfig of `admin`, `controller-manager` or `scheduler`: kubeadm's names. */
  kubeconfig(user: string): string {
    return join(this.root, `${user}.conf`);
  }

  /** What a program of this name wrote, of its last run. */
  log(program: string): string {
    return join(this.logs, `${program}.log`);
  }
}
