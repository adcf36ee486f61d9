/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.security;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import io.zcbot.sandbox.events.RefusedEgress;
import io.zcbot.sandbox.worker.docker.EngineFixture;
import io.zcbot.sandbox.worker.docker.EngineFixture.Started;
import io.zcbot.sandbox.worker.spec.ResourceLimits;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import io.zcbot.sandbox.worker.testkit.machine.Execs.Outcome;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Programs that know nothing of a proxy work with servers that have names and certificates, and are
 * refused others. {@link EgressIT} has curl's way around the names.
 */
@Tag("engine")
@Tag("egress-programs")
@Order(7)
class EgressProgramsIT {
  private static final String IMAGE = "zcbot-egress-programs:latest";

  /** Servers for Python's, npm's and git's packages, and a database; all are static files. */
  private static final String SERVERS =
      """
      import base64, hashlib, io, json, os, subprocess, tarfile, zipfile
      def run(script): subprocess.run(['bash', '-euc', script], check=True)
      names = ['pypi.example', 'npm.example', 'git.example', 'web.example', 'other.example']
      os.makedirs('/srv/simple/hello')
      os.makedirs('/var/lib/nginx')
      os.chdir('/srv')
      with zipfile.ZipFile('/srv/simple/hello/hello-1.0-py3-none-any.whl', 'w') as wheel:
          wheel.writestr('hello.py', 'print("hello from a wheel")\\n')
          wheel.writestr('hello-1.0.dist-info/METADATA', 'Metadata-Version: 2.1\\nName: hello\\nVersion: 1.0\\n')
          wheel.writestr('hello-1.0.dist-info/WHEEL', 'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')
          wheel.writestr('hello-1.0.dist-info/RECORD', '')
      open('/srv/simple/hello/index.html', 'w').write('<a href="hello-1.0-py3-none-any.whl">hello</a>')
      package = io.BytesIO()
      with tarfile.open(fileobj=package, mode='w:gz') as tar:
          for name, text in (('package.json', '{"name": "hello", "version": "1.0.0"}'),
                             ('index.js', 'console.log("hello from npm")')):
              info = tarfile.TarInfo('package/' + name)
              info.size = len(text)
              tar.addfile(info, io.BytesIO(text.encode()))
      open('/srv/hello-1.0.0.tgz', 'wb').write(package.getvalue())
      digest = 'sha512-' + base64.b64encode(hashlib.sha512(package.getvalue()).digest()).decode()
      json.dump({'name': 'hello', 'dist-tags': {'latest': '1.0.0'}, 'versions': {'1.0.0': {
          'name': 'hello', 'version': '1.0.0',
          'dist': {'tarball': 'https://npm.example/hello-1.0.0.tgz', 'integrity': digest}}}}, open('/srv/hello', 'w'))
      open('/srv/index.html', 'w').write('hello from the web')
      run('''
        export HOME=/tmp
        git init -q /tmp/work && cd /tmp/work
        echo 'hello from git' >hello.txt && git add . && git -c user.name=a -c user.email=b commit -qm first
        git clone -q --bare /tmp/work /srv/work.git && git -C /srv/work.git update-server-info
        cd /tmp
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=authority \\
          -addext basicConstraints=critical,CA:TRUE -keyout ca.key -out ca.crt
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=web.example -keyout key -out csr
        printf 'subjectAltName=%s' "$(printf 'DNS:%s,' {pypi,npm,git,web,db,other}.example | sed 's/,$//')" >ext
        openssl x509 -req -in csr -CA ca.crt -CAkey ca.key -days 2 -extfile ext -out crt
        keytool -importcert -noprompt -alias ca -file ca.crt -keystore trust.p12 -storepass changeit
        install -d -o 1000 -g 1000 /tmp/data
        install -o 1000 -m 0600 key /tmp/data/key
        db=$(echo /usr/lib/postgresql/*/bin)
        setpriv --reuid 1000 --regid 1000 --clear-groups env PATH="$db:$PATH" bash -c '
          initdb -D /tmp/data/db -U postgres --auth=trust >/dev/null
          echo "host all all 0.0.0.0/0 trust" >>/tmp/data/db/pg_hba.conf
          pg_ctl -D /tmp/data/db -w -l /tmp/data/log -o "-c listen_addresses=* -c unix_socket_directories=/tmp -c ssl=on -c ssl_cert_file=/tmp/crt -c ssl_key_file=/tmp/data/key" start'
      ''')
      open('/tmp/nginx.conf', 'w').write('''
        daemon off; user root; pid /tmp/nginx.pid; error_log stderr; worker_processes 1;
        events {}
        http {
          include /etc/nginx/mime.types; access_log off;
          server {
            listen 443 ssl; http2 on; root /srv; index index.html;
            ssl_certificate /tmp/crt; ssl_certificate_key /tmp/key;
            location = /hello { default_type application/json; }
          }
        }''')
      os.execvp('nginx', ['nginx', '-c', '/tmp/nginx.conf'])
      """;

  private static final String JAVA =
      """
      import java.net.URI;
      import java.net.http.*;
      class Get {
        public static void main(String[] arguments) throws Exception {
          var answer = HttpClient.newHttpClient().send(
              HttpRequest.newBuilder(URI.create("https://web.example/")).build(),
              HttpResponse.BodyHandlers.ofString());
          System.out.println(answer.version() + " " + answer.body());
        }
      }
      """;

  @TempDir static Path directory;
  private static EngineFixture fixture;
  private static SandboxSpec spec;
  private static Started sandbox;

  @BeforeAll
  static void start() throws Exception {
    fixture = new EngineFixture(directory, Duration.ofSeconds(60));
    NamedServers servers = new NamedServers(fixture);
    String server = servers.serve(IMAGE, SERVERS, "curl -sk https://localhost/");
    servers.resolve(
        List.of(
            "pypi.example",
            "npm.example",
            "git.example",
            "web.example",
            "db.example",
            "other.example"),
        Map.of(),
        List.of());
    SandboxSpec usual = fixture.withImage(IMAGE);
    spec =
        NamedServers.with(
            servers.policy(
                List.of(
                    "pypi.example", "npm.example", "git.example", "web.example", "db.example:5432"),
                List.of(servers.server + ":443", servers.server + ":5432")),
            new SandboxSpec(
                usual.image(),
                usual.runtime(),
                new ResourceLimits(1L << 30, 1.0, 256, 64L << 20, null, null),
                usual.network(),
                usual.policy()));
    sandbox = fixture.start(spec);
    copy(server, "/tmp/ca.crt", "ca.crt");
    copy(server, "/tmp/trust.p12", "trust.p12");
    Files.writeString(sandbox.workspace().resolve("Get.java"), JAVA);
  }

  /** The authority of the servers' certificates is known inside. */
  private static void copy(String container, String file, String to) throws Exception {
    String text = fixture.run(container, "0:0", "base64", "-w0", file).output().strip();
    Files.write(sandbox.workspace().resolve(to), Base64.getDecoder().decode(text));
  }

  @AfterAll
  static void stop() throws Exception {
    if (fixture != null) {
      fixture.close();
    }
  }

  static Stream<Arguments> programs() {
    return Stream.of(
        arguments(
            "pip",
            "python3 -m venv venv && venv/bin/pip -q install --cert ca.crt --index-url https://pypi.example/simple"
                + " hello && venv/bin/python -m hello",
            "hello from a wheel"),
        arguments(
            "npm",
            "mkdir n && cd n && NODE_EXTRA_CA_CERTS=../ca.crt npm install --silent --registry https://npm.example/"
                + " hello && node node_modules/hello/index.js",
            "hello from npm"),
        arguments(
            "git",
            "GIT_SSL_CAINFO=$PWD/ca.crt git clone -q https://git.example/work.git g && cat g/hello.txt",
            "hello from git"),
        arguments(
            "curl with HTTP/2",
            "curl -sS --cacert ca.crt --http2 -w ' %{http_version}' https://web.example/",
            "hello from the web 2"),
        arguments(
            "Java",
            "java -Djavax.net.ssl.trustStore=trust.p12 -Djavax.net.ssl.trustStorePassword=changeit"
                + " Get.java",
            "HTTP_2 hello from the web"),
        arguments(
            "psql with direct TLS",
            "psql 'host=db.example user=postgres sslmode=verify-full sslnegotiation=direct sslrootcert=ca.crt' -Atc \"select 'hello from a database'\"",
            "hello from a database"));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("programs")
  void works(String name, String script, String said) throws Exception {
    Outcome outcome = fixture.bash(sandbox.id(), "cd && (" + script + ") 2>&1");
    assertThat(outcome.output()).contains(said);
    assertThat(outcome.exitCode()).isZero();
  }

  /** The certificate is valid for it, and the server is the same. */
  @Test
  void anotherNameOfTheServerIsRefused() throws Exception {
    Outcome outcome =
        fixture.bash(
            sandbox.id(),
            "cd && curl -sS --cacert ca.crt --connect-to ::web.example:443 https://other.example/ 2>&1");
    assertThat(outcome.exitCode()).as(outcome.output()).isNotZero();
    await("the refusal")
        .atMost(Duration.ofSeconds(10))
        .untilAsserted(
            () ->
                assertThat(fixture.sandboxes(spec).refused(sandbox.id()))
                    .extracting(RefusedEgress::name)
                    .contains("other.example"));
  }
}
