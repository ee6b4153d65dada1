-- A string takes the type of the column.
SELECT k FROM a WHERE d = '2024-01-31' AND ts < '2024-02-01';
--> a: d = 2024-01-31 AND ts < 2024-02-01 00:00:00

-- A DATE beside a TIMESTAMP is compared as TIMESTAMP.
SELECT k FROM a WHERE d = TIMESTAMP '2024-01-31 12:00:00';
--> a: cast(d, TIMESTAMP) = 2024-01-31 12:00:00

SELECT k FROM a WHERE d < TIMESTAMP '2024-01-31 12:00:00';
--> a: cast(d, TIMESTAMP) < 2024-01-31 12:00:00

SELECT k FROM a WHERE d IN ('2024-01-31', TIMESTAMP '2024-01-30 00:00:00');
--> a: cast(d, TIMESTAMP) IN (2024-01-31 00:00:00, 2024-01-30 00:00:00)

SELECT k FROM a WHERE d BETWEEN '2024-01-30' AND TIMESTAMP '2024-01-31 12:00:00';
--> a: cast(d, TIMESTAMP) >= 2024-01-30 00:00:00 AND cast(d, TIMESTAMP) <= 2024-01-31 12:00:00

SELECT k FROM a WHERE ts >= $pd;
--> a: ts >= $pd

-- Instants are local times because the engine's time zone is UTC.
SELECT k FROM a WHERE ts >= TIMESTAMPTZ '2024-01-31 00:00:00+00';
--> a: ts >= {CAST(CAST('2024-01-31 00:00:00+00' AS TIMESTAMPTZ) AS TIMESTAMP)}

-- Exact numbers: both sides are brought to enough decimals.
SELECT k FROM a WHERE k > 1.5 AND m = 1;
--> a: cast(k, DECIMAL(11,1)) > 1.5 AND m = 1

SELECT k FROM a WHERE m = 0.050;
--> a: m = 0.050

SELECT k FROM a WHERE m > 1.505;
--> a: cast(m, DECIMAL(7,3)) > 1.505

-- An integer too large for its column decides by itself.
SELECT k FROM a WHERE k < 3000000000;
--> a: k < 3000000000

-- Approximate numbers: a DECIMAL is not carried to DOUBLE.
SELECT k FROM a WHERE m = 1.5::DOUBLE;
--> a: TRUE
--! a: m = CAST(1.5 AS DOUBLE) | type

SELECT k FROM a WHERE k = 1e0;
--> a: cast(k, DOUBLE) = {CAST(1e0 AS DOUBLE)}

-- A text beside a number is read as a number, by the engine.
SELECT k FROM a WHERE k = '2';
--> a: k = {CAST('2' AS INTEGER)}

SELECT k FROM a WHERE k::VARCHAR = '2';
--> a: k = {CAST(TRY_CAST(CAST(('2') AS TEXT) AS INT128) AS HUGEINT)}
