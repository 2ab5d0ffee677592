//! Real servers on the loopback interface, each in a folder of its own and ended with the test.

#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

use std::ffi::OsString;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Says aloud that a server program is not there. Where the servers are required that is a failure.
pub(crate) fn missing<T>(what: &str) -> Option<T> {
    assert!(
        std::env::var_os("OUTTURN_REQUIRE_SERVERS").is_none_or(|required| required != "1"),
        "{what} is missing, though OUTTURN_REQUIRE_SERVERS=1"
    );
    let _ = writeln!(std::io::stderr(), "did not run: {what} is missing");
    None
}

fn program(name: &str, folders: &[PathBuf]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let known = std::env::split_paths(&path).chain(folders.iter().cloned());
    known.map(|folder| folder.join(name)).find(|file| file.is_file())
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a port").port()
}

fn wait_for(port: u16, what: &str) {
    let begun = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(begun.elapsed() < Duration::from_mins(1), "{what} does not listen");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Runs a program to its end, which must be a good one, and returns what it printed.
fn done(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().expect("the program starts");
    assert!(output.status.success(), "{command:?}: {}", said(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn user() -> String {
    done(Command::new("id").arg("-un")).trim().to_owned()
}

/// `sshd` with keys made for it; whoever runs the test may log in with the key `user`, and nobody with a password.
pub(crate) struct Sshd {
    folder: TempDir,
    program: PathBuf,
    server: Child,
    pub(crate) port: u16,
    pub(crate) user: String,
}

impl Sshd {
    /// `None`, said aloud, where OpenSSH is not installed.
    pub(crate) fn start() -> Option<Self> {
        let folders = [PathBuf::from("/usr/sbin")];
        let (Some(sshd), Some(_)) = (program("sshd", &folders), program("ssh-keygen", &folders)) else {
            return missing("sshd of Debian's openssh-server");
        };
        let folder = TempDir::new().expect("a folder");
        for (key, kind) in [
            ("host", "ed25519"),
            ("other", "ed25519"),
            ("ecdsa", "ecdsa"),
            ("user", "ed25519"),
            ("stranger", "ed25519"),
        ] {
            let mut keygen = Command::new("ssh-keygen");
            keygen.args(["-q", "-N", "", "-C", key, "-t", kind, "-f"]).arg(folder.path().join(key));
            done(&mut keygen);
        }
        fs::create_dir(folder.path().join("in")).expect("a folder");
        let user = user();
        // Where `sshd` of a root user separates privileges.
        if user == "root" {
            fs::create_dir_all("/run/sshd").expect("the folder can be made");
        }
        let port = free_port();
        let server = Self::serve(&sshd, folder.path(), port, &["host"]);
        Some(Self { folder, program: sshd, server, port, user })
    }

    fn serve(sshd: &Path, folder: &Path, port: u16, keys: &[&str]) -> Child {
        let at = folder.display();
        let keys = keys.iter().map(|key| format!("HostKey {at}/{key}\n")).collect::<Vec<_>>().concat();
        let config = format!(
            "ListenAddress 127.0.0.1\nPort {port}\n{keys}PidFile none\nAuthorizedKeysFile {at}/user.pub\n\
             StrictModes no\nUsePAM no\nPasswordAuthentication yes\nPermitRootLogin yes\nLogLevel ERROR\n\
             MaxStartups 100\nSubsystem sftp internal-sftp\n"
        );
        fs::write(folder.join("config"), config).expect("a file");
        let log = fs::File::create(folder.join("log")).expect("a file");
        let mut command = Command::new(sshd);
        command.args(["-D", "-e", "-f"]).arg(folder.join("config"));
        let server =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().expect("sshd starts");
        wait_for(port, "sshd");
        server
    }

    /// Starts anew with other host keys.
    pub(crate) fn with_host_keys(&mut self, keys: &[&str]) {
        self.stop();
        self.port = free_port();
        self.server = Self::serve(&self.program, self.folder.path(), self.port, keys);
    }

    /// Ends the server; connections that it has end too.
    pub(crate) fn stop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }

    /// The fingerprint of a key, as `ssh-keygen` prints it.
    pub(crate) fn fingerprint(&self, key: &str) -> String {
        let printed = done(Command::new("ssh-keygen").arg("-lf").arg(self.path(&format!("{key}.pub"))));
        printed.split(' ').nth(1).expect("a fingerprint").to_owned()
    }

    /// A file of the server's folder: `in/…` for deliveries, or a key.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The address of what lies in the server's folder.
    pub(crate) fn address(&self, pattern: &str) -> String {
        format!("sftp://{}@127.0.0.1:{}{}/{pattern}", self.user, self.port, self.folder.path().display())
    }

    pub(crate) fn put(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    /// What the server had to complain about.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path("log")).expect("a file")
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A `PostgreSQL` server with one database, a user `reader` who may read its table `incident`, and TLS by a certificate
/// of its own authority (`ca.pem`).
pub(crate) struct Postgres {
    folder: TempDir,
    programs: PathBuf,
    pub(crate) port: u16,
}

/// The password of `reader`.
pub(crate) const READER: &str = "tawny-owl-5521";
const ADMIN: &str = "barn-owl-1380";

impl Postgres {
    /// `None`, said aloud, where `PostgreSQL` is not installed.
    pub(crate) fn start() -> Option<Self> {
        let mut versions: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
            .into_iter()
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
            .collect();
        versions.sort();
        let (Some(initdb), Some(_)) = (program("initdb", &versions), program("openssl", &[])) else {
            return missing("initdb of Debian's postgresql");
        };
        // A link to one of the programs need not have the others beside it.
        let initdb = initdb.canonicalize().expect("the program is there");
        let programs = initdb.parent().expect("a folder").to_owned();
        let folder = TempDir::new().expect("a folder");
        let server = Self { folder, programs, port: free_port() };
        let at = server.folder.path();
        fs::write(at.join("password"), ADMIN).expect("a file");
        certificates(at);
        // The server does not start as root.
        if user() == "root" {
            done(Command::new("chown").args(["-R", "postgres"]).arg(at));
        }
        let data = at.join("data");
        let mut init = server.as_owner("initdb");
        init.args(["-N", "-E", "UTF8", "--locale=C", "-U", "admin", "--auth=scram-sha-256", "--pwfile"]);
        done(init.arg(at.join("password")).arg("-D").arg(&data));
        let options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off -c ssl=on \
             -c ssl_cert_file={at}/server.pem -c ssl_key_file={at}/server.key -c log_min_messages=fatal",
            server.port,
            at = at.display()
        );
        let mut start = server.as_owner("pg_ctl");
        start.arg("-D").arg(&data).arg("-l").arg(at.join("log")).args(["-w", "-s", "-o", &options, "start"]);
        // What it starts keeps its output open, so that nobody can wait for the end of it.
        let begun = start.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
        assert!(begun.expect("pg_ctl starts").success(), "{:?}", fs::read_to_string(at.join("log")));
        server.sql(&format!(
            "CREATE TABLE incident (ref text, month text, ward text, reported date, weight numeric(10,3), share float8, \
             closed boolean, note text); \
             CREATE ROLE reader LOGIN PASSWORD '{READER}'; GRANT SELECT ON incident TO reader"
        ));
        Some(server)
    }

    fn as_owner(&self, program: &str) -> Command {
        let program = self.programs.join(program);
        if user() != "root" {
            return Command::new(program);
        }
        let mut command = Command::new("runuser");
        command.args(["-u", "postgres", "--"]).arg(program).current_dir(self.folder.path());
        command
    }

    /// Runs statements as the owner of the database.
    pub(crate) fn sql(&self, statements: &str) -> String {
        let mut psql = Command::new(self.programs.join("psql"));
        psql.env("PGPASSWORD", ADMIN).args([
            "-X",
            "-q",
            "-A",
            "-t",
            "-v",
            "ON_ERROR_STOP=1",
            "-c",
            statements,
        ]);
        done(psql.args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-U", "admin", "postgres"]))
    }

    pub(crate) fn address(&self) -> String {
        format!("postgres://reader@127.0.0.1:{}/postgres", self.port)
    }

    /// A file of the server's folder, such as `ca.pem`.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let mut stop = self.as_owner("pg_ctl");
        stop.arg("-D").arg(self.folder.path().join("data")).args(["-s", "-m", "immediate", "stop"]);
        let _ = stop.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    }
}

/// An authority (`ca.pem`) and a certificate for 127.0.0.1 that it signed (`server.pem`, `server.key`).
fn certificates(folder: &Path) {
    let run = |arguments: &str| {
        let mut openssl = Command::new("openssl");
        done(openssl.current_dir(folder).args(arguments.split(' ')));
    };
    fs::write(folder.join("names"), "subjectAltName=IP:127.0.0.1\n").expect("a file");
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    run(&format!("req -x509 {key} -keyout ca.key -out ca.pem -days 30 -subj /CN=Authority"));
    run(&format!("req {key} -keyout server.key -out server.csr -subj /CN=Server"));
    run(
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile names -out server.pem",
    );
}

/// A moto server, which speaks as S3 does.
pub(crate) struct Store {
    server: Child,
    pub(crate) port: u16,
}

impl Store {
    /// `None`, said aloud, where no Python with moto is named.
    pub(crate) fn start() -> Option<Self> {
        let Some(python): Option<OsString> = std::env::var_os("OUTTURN_TEST_PYTHON") else {
            return missing("a Python with moto in OUTTURN_TEST_PYTHON");
        };
        let port = free_port();
        let mut command = Command::new(python);
        command.args(["-m", "moto.server", "-p", &port.to_string()]);
        let server = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the server");
        let store = Self { server, port };
        wait_for(port, "moto");
        Some(store)
    }

    /// Makes a bucket or, with a body, an object.
    pub(crate) fn put(&self, path: &str, body: &str) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("the server");
        let request = format!(
            "PUT {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Length: {}\r\nConnection: close\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential=nobody/20250101/us-east-1/s3/aws4_request, \
             SignedHeaders=host, Signature=0\r\n\r\n{body}",
            self.port,
            body.len()
        );
        stream.write_all(request.as_bytes()).expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        assert_eq!(answer.split(' ').nth(1), Some("200"), "{path}: {answer}");
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// An Azurite server, which speaks as Azure's Blob Storage does and checks every signature.
pub(crate) struct Azurite {
    server: Child,
    python: OsString,
    port: u16,
    _folder: TempDir,
}

/// The key of the account `town`, as Azure writes keys: `corncrake-903` in Base64.
pub(crate) const AZURE_KEY: &str = "Y29ybmNyYWtlLTkwMw==";

/// Uploads blobs with the vendor's own client: address, key and container, then a name and a text for each.
const UPLOAD: &str = "
import sys
from azure.storage.blob import BlobServiceClient
address, key, container, *blobs = sys.argv[1:]
client = BlobServiceClient(address, credential={'account_name': 'town', 'account_key': key})
container = client.get_container_client(container)
if not container.exists():
    container.create_container()
for name, text in zip(blobs[::2], blobs[1::2]):
    container.upload_blob(name, text.encode(), overwrite=True)
";

impl Azurite {
    /// `None`, said aloud, where it or the vendor's client is not installed.
    pub(crate) fn start() -> Option<Self> {
        let Some(program) = std::env::var_os("OUTTURN_TEST_AZURITE") else {
            return missing("the program azurite-blob in OUTTURN_TEST_AZURITE");
        };
        let Some(python) = std::env::var_os("OUTTURN_TEST_PYTHON") else {
            return missing("a Python with azure-storage-blob in OUTTURN_TEST_PYTHON");
        };
        let folder = TempDir::new().expect("a folder");
        let port = free_port();
        let mut command = Command::new(program);
        command.args(["--silent", "--skipApiVersionCheck", "--disableTelemetry", "--blobHost", "127.0.0.1"]);
        command.args(["--blobPort", &port.to_string(), "--location"]).arg(folder.path());
        command.env("AZURITE_ACCOUNTS", format!("town:{AZURE_KEY}"));
        let server = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the server");
        let server = Self { server, python, port, _folder: folder };
        wait_for(port, "azurite");
        Some(server)
    }

    pub(crate) fn put(&self, container: &str, blobs: &[(&str, &str)]) {
        let mut upload = Command::new(&self.python);
        upload.args(["-c", UPLOAD, &self.endpoint(), AZURE_KEY, container]);
        done(upload.args(blobs.iter().flat_map(|(name, text)| [*name, *text])));
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}/town", self.port)
    }
}

impl Drop for Azurite {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
