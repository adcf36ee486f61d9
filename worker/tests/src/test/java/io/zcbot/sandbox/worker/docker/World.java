/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker;

import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Servers in a network namespace: a greeting on TCP ports 80 and 25 of every address, zeros on TCP
 * port 81, as many as are read, and on UDP port 53 of the given addresses a resolver that answers
 * every name with 203.0.113.10. Ends with its standard input.
 */
final class World {
  static final String GREETING = "hello from outside";

  private World() {}

  public static void main(String[] args) throws IOException {
    Thread.ofPlatform().daemon().start(() -> greet(25));
    Thread.ofPlatform().daemon().start(() -> greet(80));
    Thread.ofPlatform().daemon().start(World::pour);
    for (String address : args) {
      Thread.ofPlatform().daemon().start(() -> resolve(address));
    }
    while (System.in.read() >= 0) {
      // until whoever started us ends
    }
  }

  private static void greet(int port) {
    try (ServerSocket server = new ServerSocket(port)) {
      if (port == 80) {
        System.out.println("greeting");
      }
      while (true) {
        Socket client = server.accept();
        Thread.ofVirtual().start(() -> greet(client));
      }
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Sends a greeting at once, and again for every line. */
  private static void greet(Socket client) {
    byte[] greeting = (GREETING + "\n").getBytes(StandardCharsets.US_ASCII);
    try (client) {
      client.getOutputStream().write(greeting);
      for (int c = client.getInputStream().read(); c >= 0; c = client.getInputStream().read()) {
        if (c == '\n') {
          client.getOutputStream().write(greeting);
        }
      }
    } catch (IOException e) {
      // its peer is gone
    }
  }

  private static void pour() {
    try (ServerSocket server = new ServerSocket(81)) {
      while (true) {
        Socket client = server.accept();
        Thread.ofVirtual().start(() -> pour(client));
      }
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  private static void pour(Socket client) {
    try (client) {
      byte[] zeros = new byte[1 << 16];
      while (true) {
        client.getOutputStream().write(zeros);
      }
    } catch (IOException e) {
      // its peer has enough
    }
  }

  private static void resolve(String address) {
    try (DatagramSocket socket = new DatagramSocket(new InetSocketAddress(address, 53))) {
      while (true) {
        DatagramPacket packet = new DatagramPacket(new byte[512], 512);
        socket.receive(packet);
        byte[] answer = answer(Arrays.copyOf(packet.getData(), packet.getLength()));
        socket.send(new DatagramPacket(answer, answer.length, packet.getSocketAddress()));
      }
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  /** The query, with one answer if it asks for an IPv4 address. */
  private static byte[] answer(byte[] query) {
    int end = 12;
    while (query[end] != 0) {
      end += query[end] + 1;
    }
    end += 5; // the root, type, class
    boolean address = query[end - 3] == 1;
    byte[] answer = Arrays.copyOf(query, end + (address ? 16 : 0));
    answer[2] = (byte) 0x81;
    answer[3] = (byte) 0x80;
    answer[7] = (byte) (address ? 1 : 0);
    Arrays.fill(answer, 8, 12, (byte) 0);
    if (address) {
      byte[] record = {(byte) 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, (byte) 203, 0, 113, 10};
      System.arraycopy(record, 0, answer, end, record.length);
    }
    return answer;
  }
}
