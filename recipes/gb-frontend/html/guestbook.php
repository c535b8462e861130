<?php
// Keeps the guestbook's text in Redis: written to the master, read from a replica.
//
//   guestbook.php?cmd=get&key=KEY             {"data": "TEXT"}
//   guestbook.php?cmd=set&key=KEY&value=TEXT  {"message": "Updated"}
//
// The servers are called redis-master and redis-slave; with GET_HOSTS_FROM=env their addresses are in
// the variables that Kubernetes sets for services of these names.

declare(strict_types=1);

require 'Predis/Autoloader.php';
Predis\Autoloader::register();

function server(string $service): Predis\Client
{
    $host = $service;
    if (getenv('GET_HOSTS_FROM') === 'env') {
        $name = strtoupper(strtr($service, '-', '_')) . '_SERVICE_HOST';
        $host = getenv($name) ?: throw new RuntimeException("$name is not set");
    }
    return new Predis\Client(['host' => $host, 'port' => 6379, 'timeout' => 5]);
}

/** @return array{int, string} status and body */
function answer(string $command, string $key, string $value): array
{
    switch ($command) {
        case 'get':
            $text = server('redis-slave')->get($key) ?? '';
            return [200, '{"data": ' . json_encode($text) . '}'];
        case 'set':
            server('redis-master')->set($key, $value);
            return [200, '{"message": "Updated"}'];
        default:
            return [400, '{"error": "cmd is get or set"}'];
    }
}

header('Content-Type: application/json');
$parameter = fn (string $name): string => is_string($_GET[$name] ?? null) ? $_GET[$name] : '';
try {
    [$status, $body] = answer($parameter('cmd'), $parameter('key'), $parameter('value'));
} catch (Predis\PredisException | RuntimeException $error) {
    [$status, $body] = [500, '{"error": ' . json_encode($error->getMessage()) . '}'];
}
http_response_code($status);
echo $body;
