# SPDX-License-Identifier: Apache-2.0
"""The bodies of the contract, word by word: 3.6, 3.8, 5.4, 21.1."""


def result_status(message, code, detail=None):
    return {"resultCode": "FAIL", "resultMessage": message, "httpStatusCode": code,
            "detailMessage": message if detail is None else detail, "nextActionUrl": "-"}


def error_message(message, code, detail=...):
    return {"resultCode": "FAIL", "resultMessage": message, "httpStatusCode": code,
            "detailMessage": message if detail is ... else detail}


NO_TOKEN = result_status("TOKEN_FAILED", 401, "Token authentication failed")
BAD_TOKEN = result_status("TOKEN_FAILED", 401, "Invalid Credentials")
EXPIRED = result_status("TOKEN_EXPIRED", 401, "Access Token has Expired")
DENIED = error_message("Access Denied", 401, "Authentication error.")
FORBIDDEN = result_status("You do not have permission to access the resource.", 403)
NOT_FOUND = result_status("Could not be found.", 404)
BAD_REQUEST = error_message("Incorrect request. Could not be processed.", 400)
BODY_MISSING = error_message("Requirements are missing.", 422)
UNKNOWN_ROUTE = error_message("The request could not be processed.", 500)
RULE_MISSING = result_status("Requirements are missing.", 200)
DONE = {"resultCode": "SUCCESS", "resultMessage": "Processed successfully.", "httpStatusCode": 200,
        "detailMessage": "Processed successfully.", "nextActionUrl": "-"}
OK_KO = "정상적으로 처리 되었습니다."
NOT_FOUND_KO = "찾을 수 없습니다."


def login_failed(detail):
    return result_status("LOGIN_FAILED", 401, detail)
